"""What an MLflow server does that another server of its protocol may do in another way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from edge_training.adapters.mlflow import limits as mlflow_limits
from edge_training.adapters.mlflow import versions as mlflow_versions
from edge_training.adapters.mlflow.files import RunFiles, ServerFiles
from edge_training.ports.model_registry import CHAMPION_ALIAS, ModelVersion, Registration
from edge_training.ports.tracking import POINTS_PER_BATCH

if TYPE_CHECKING:
    from mlflow import MlflowClient


class MlflowDialect:
    """MLflow's own server."""

    points_per_batch = POINTS_PER_BATCH
    """It refuses more in one request."""

    def __init__(self, url: str) -> None:
        """Know where the server is, without a slash at its end."""
        self._url = url

    def require_writable(self, client: MlflowClient, registration: Registration) -> None:
        """Make sure that the server will take a registration, before anything is written.

        Raises:
            ModelRegistryRefused: It will not, and why.
        """
        mlflow_limits.require_writable(registration)
        mlflow_limits.require_same_major(client, self._url)

    def run_tags(self, tags: Mapping[str, str]) -> Mapping[str, str]:
        """The tags of a version, as its run may have them."""
        return tags

    def files(self, client: MlflowClient) -> RunFiles:
        """The files of runs."""
        return ServerFiles(client, self._url)

    def versions(self, client: MlflowClient, name: str, tags: Mapping[str, str]) -> list[ModelVersion]:
        """The versions of a model, or of all, with all of these tags, ordered by name and number."""
        return mlflow_versions.search(client, name, tags)

    def champion(self, client: MlflowClient, name: str) -> ModelVersion | None:
        """The champion of a model."""
        model = mlflow_versions.get_model(client, name)
        version = None if model is None else model.aliases.get(CHAMPION_ALIAS)
        return None if version is None else mlflow_versions.get_version(client, name, str(version))

    def promote(self, client: MlflowClient, version: ModelVersion) -> None:
        """Make a version the champion."""
        client.set_registered_model_alias(version.name, CHAMPION_ALIAS, version.version)
