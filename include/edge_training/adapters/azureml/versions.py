"""Versions of models in a workspace, as azureml-core's operations give them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from edge_training.adapters.azureml.client import AzureMlClient
from edge_training.errors import ModelRegistryUnavailable
from edge_training.ports.model_registry import STATE_TAG, TRAINING_KEY_TAG, ModelVersion

if TYPE_CHECKING:
    from azureml._restclient.models import Model

SETTLE_S: Final = 1.0
"""More than lies between two requests of one writer, usually some 100 ms."""
TAG_ROUNDS: Final = 5


def versions_of(client: AzureMlClient, name: str, training_key: str) -> list[Model]:
    """The versions of a training, the one that stays first: a finished one, else the oldest."""
    found = list(client.versions(name, properties={TRAINING_KEY_TAG: training_key}))
    return sorted(found, key=lambda version: (STATE_TAG not in tags_of(version), int(version.version)))


def write_tags(client: AzureMlClient, name: str, number: str, tags: Mapping[str, str]) -> Model:
    """Add tags to a version; gives it as it is now.

    The service replaces all tags at once and has no ETags. Somebody who has read the version before our
    writing, and writes other tags after it, takes ours away; so they are looked at again once such a one must
    have written, and written again.

    Raises:
        ModelRegistryUnavailable: They do not stay, or the version is gone.
    """
    for _ in range(TAG_ROUNDS):
        version = client.version(name, number)
        if version is None:
            raise ModelRegistryUnavailable(f"{name} version {number} vanished; it is looked up again.")
        if tags_of(version).items() >= tags.items():
            return version
        client.replace_tags(version, {**tags_of(version), **tags})
        time.sleep(SETTLE_S)
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
