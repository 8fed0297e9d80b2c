"""The model registry over MLflow's client: one run and one version per training, complete or not at all.

`registering.py` says how a version comes to be; here is how it is found, tagged and read.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runner.listing import LISTING_PATH, ListedFile
from edge_training import bundle as bundles
from edge_training.adapters.mlflow.files import RunFiles
from edge_training.adapters.mlflow.registering import CLAIM, Registering
from edge_training.adapters.mlflow.session import MlflowSession
from edge_training.adapters.mlflow.versions import get_version, set_tags
from edge_training.adapters.run_layout import bundle_root, listing_of_bundle
from edge_training.errors import ExportRefused, ModelRegistryRefused
from edge_training.ports.model_registry import (
    BUNDLE_DIGEST_TAG,
    STATE_TAG,
    TRAINING_KEY_TAG,
    ModelVersion,
    Registration,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient


class MlflowRegistry:
    """An MLflow server; implements `ModelRegistry`."""

    def __init__(self, session: MlflowSession) -> None:
        """Use the server of a session; nothing is sent yet."""
        self._session = session
        self._dialect = session.dialect

    def find(self, name: str, training_key: str) -> ModelVersion | None:
        """See `ModelRegistry.find`."""
        versions = self._session.call(
            lambda client: self._dialect.versions(client, name, {TRAINING_KEY_TAG: training_key})
        )
        return next((version for version in versions if STATE_TAG in version.tags), None)

    def get(self, name: str, version: str) -> ModelVersion | None:
        """See `ModelRegistry.get`."""
        return self._session.call(lambda client: get_version(client, name, version))

    def search(self, name: str = "", tags: Mapping[str, str] | None = None) -> list[ModelVersion]:
        """See `ModelRegistry.search`."""
        return self._session.call(lambda client: self._dialect.versions(client, name, tags or {}))

    def register(self, registration: Registration) -> ModelVersion:
        """See `ModelRegistry.register`."""
        bundles.require_whole(registration.bundle)
        self._session.call(lambda client: self._dialect.require_writable(client, registration))
        return self._session.call(lambda client: Registering(client, registration, self._dialect).run())

    def set_tags(self, version: ModelVersion, tags: Mapping[str, str]) -> ModelVersion:
        """See `ModelRegistry.set_tags`."""
        return self._session.call(lambda client: set_tags(client, version, tags))

    def champion(self, name: str) -> ModelVersion | None:
        """See `ModelRegistry.champion`."""
        return self._session.call(lambda client: self._dialect.champion(client, name))

    def promote(self, version: ModelVersion) -> None:
        """See `ModelRegistry.promote`."""
        self._session.call(lambda client: self._dialect.promote(client, version))

    def attached(self, version: ModelVersion, path: str) -> bytes | None:
        """See `ModelRegistry.attached`."""
        return self._session.call(lambda client: self._dialect.files(client).read(version.run_id, path))

    def fetch(self, version: ModelVersion, store: Path) -> Path:
        """See `ModelRegistry.fetch`."""
        store.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=store, prefix=".fetch-") as directory:
            folder, files = self._session.call(
                lambda client: _download(client, self._dialect.files(client), version, Path(directory), store)
            )
            try:
                return bundles.pack(folder, files, store)
            except ExportRefused as error:
                raise _changed(version) from error


def _download(
    client: MlflowClient, run_files: RunFiles, version: ModelVersion, directory: Path, store: Path
) -> tuple[Path, list[ListedFile]]:
    """Bring the version's files into a directory, unless the store has its bundle; gives where they lie, and
    their listing.
    """
    digest = version.tags.get(BUNDLE_DIGEST_TAG, "")
    root = bundle_root(client.get_run(version.run_id).data.params.get(CLAIM, digest), digest)
    listing_file = run_files.fetch(version.run_id, root + LISTING_PATH, directory)
    try:
        files = listing_of_bundle(listing_file.read_bytes(), digest)
    except ExportRefused as error:
        raise _changed(version) from error
    if not bundles.is_intact(bundles.bundle_path(store, digest), files):
        for file in files:
            run_files.fetch(version.run_id, root + file["path"], directory)
    return directory / root, files


def _changed(version: ModelVersion) -> ModelRegistryRefused:
    return ModelRegistryRefused(
        f"The files of {version.name} version {version.version} in MLflow are not those registered; "
        "delete the version and register the model again."
    )
