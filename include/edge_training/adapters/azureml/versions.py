"""Versions of models in a workspace, as azureml-core's operations give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from edge_training.adapters.azureml.client import AzureMlClient
from edge_training.errors import ModelRegistryUnavailable
from edge_training.ports.model_registry import STATE_TAG, TRAINING_KEY_TAG, ModelVersion

if TYPE_CHECKING:
    from azureml._restclient.models import Model


def versions_of(client: AzureMlClient, name: str, training_key: str) -> list[Model]:
    """The versions of a training, the one that stays first: a finished one, else the oldest."""
    found = list(client.versions(name, properties={TRAINING_KEY_TAG: training_key}))
    return sorted(found, key=lambda version: (STATE_TAG not in tags_of(version), int(version.version)))


def write_tags(client: AzureMlClient, name: str, number: str, tags: Mapping[str, str]) -> Model:
    """Add tags to a version, in one request; gives it as it is now.

    The service replaces all tags at once and has no ETags, so somebody who writes others at the same moment
    may take ours away: they are read back.

    Raises:
        ModelRegistryUnavailable: Somebody did, or the version is gone.
    """
    version = client.version(name, number)
    for reads_only in (False, True):
        if version is None:
            raise ModelRegistryUnavailable(f"{name} version {number} vanished; it is looked up again.")
        wanted = {**tags_of(version), **tags}
        if wanted == tags_of(version):
            return version
        if reads_only:
            break
        client.replace_tags(version, wanted)
        version = client.version(name, number)
    raise ModelRegistryUnavailable(
        f"{name} version {number} has other tags than written; they are written again."
    )


def tags_of(version: Model) -> dict[str, str]:
    """The tags of a version; one from which somebody has removed all may have none at all."""
    return dict(version.kv_tags or {})


def model_version(found: Any) -> ModelVersion:
    """A version as the port has it."""
    return ModelVersion(
        found.name,
        str(found.version),
        tags_of(found),
        str(found.run_id or ""),
        str(found.url),
        str(found.description or ""),
    )
