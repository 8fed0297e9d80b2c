"""Versions as an MLflow server has them, and as the port has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from edge_training.adapters.mlflow.refusals import unless_absent
from edge_training.adapters.mlflow.runs import quoted
from edge_training.adapters.mlflow.seal import unsealed
from edge_training.ports.model_registry import ModelVersion

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion as MlflowVersion

VERSIONS_PER_PAGE = 1000
MOST = 2**31 - 1
"""The highest number of a version, an `Integer` of SQLAlchemy."""


def search(client: MlflowClient, name: str, tags: Mapping[str, str]) -> list[ModelVersion]:
    """The versions of a model, or of all, with all of these tags, ordered by name and number."""
    terms = [f"name = {quoted(name)}"] if name else []
    terms += [f"tags.`{tag}` = {quoted(value)}" for tag, value in tags.items()]
    query, found, token = " and ".join(terms), [], None
    while True:
        page = client.search_model_versions(query, VERSIONS_PER_PAGE, page_token=token)
        found += [converted(one) for one in page]
        token = page.token
        if not token:
            return sorted(found, key=lambda version: (version.name, int(version.version)))


def get_version(client: MlflowClient, name: str, version: str) -> ModelVersion | None:
    """A version, or None.

    A number that the server's database cannot hold is not asked for: the answer would be 500.
    """
    if len(version) > len(str(MOST)) or int(version) > MOST:
        return None
    found = unless_absent(client.get_model_version, name, version)
    return None if found is None else converted(found)


def get_model(client: MlflowClient, name: str) -> Any:
    """A registered model, or None."""
    return unless_absent(client.get_registered_model, name)


def set_tags(client: MlflowClient, version: ModelVersion, tags: Mapping[str, str]) -> ModelVersion:
    """Write tags of a version; gives it as it is now."""
    for name, value in tags.items():
        client.set_model_version_tag(version.name, version.version, name, value)
    return converted(client.get_model_version(version.name, version.version))


def differing(version: ModelVersion, tags: Mapping[str, str]) -> dict[str, str]:
    """Those of the tags that a version lacks or has with another value."""
    return {name: value for name, value in tags.items() if version.tags.get(name) != value}


def converted(found: MlflowVersion) -> ModelVersion:
    """A version as the port has it."""
    return ModelVersion(
        found.name,
        str(found.version),
        unsealed(found.tags),
        str(found.run_id),
        str(found.source),
        str(found.description or ""),
    )
