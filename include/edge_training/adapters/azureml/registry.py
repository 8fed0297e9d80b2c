"""The model registry over azureml-core: one run and one version per training, complete or not at all.

A version is looked up by its property `training_key`, which is written with the version itself and can never
be changed. It is made once its run has all files, verified; the tag `state` comes last. Every call is safe to
repeat, so what a crash or an outage interrupts is simply done again. When two writers race, the version with
the lowest number stays and the others are deleted.

Azure Machine Learning has no aliases: the champion is a tag of the model's experiment, written in one request
(docs/decisions/0023).
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runner.listing import LISTING_PATH, ListedFile
from edge_training import bundle as bundles
from edge_training.adapters.azureml.computes import SiteCompute, attached_name
from edge_training.adapters.azureml.faults import experiment_gone
from edge_training.adapters.azureml.files import RunBlobs, container_of
from edge_training.adapters.azureml.limits import require_writable
from edge_training.adapters.azureml.registering import Registering
from edge_training.adapters.azureml.session import AzureMlSession
from edge_training.adapters.azureml.versions import model_version, tags_of, versions_of, write_tags
from edge_training.adapters.run_layout import bundle_root, listing_of_bundle
from edge_training.errors import ExportRefused, ModelRegistryRefused
from edge_training.ports.model_registry import (
    BUNDLE_DIGEST_TAG,
    CHAMPION_ALIAS,
    STATE_TAG,
    ModelVersion,
    Registration,
)

if TYPE_CHECKING:
    from edge_training.adapters.azureml.client import AzureMlClient


class AzureMlRegistry:
    """A workspace; implements `ModelRegistry`."""

    def __init__(self, session: AzureMlSession, site_compute: SiteCompute | None = None) -> None:
        """Use a workspace; nothing is sent yet.

        Args:
            session: The workspace.
            site_compute: The machine that trainings run on.
        """
        self._session = session
        self._site_compute = site_compute

    def find(self, name: str, training_key: str) -> ModelVersion | None:
        """See `ModelRegistry.find`."""
        versions = self._session.call(lambda client: versions_of(client, name, training_key))
        return next((model_version(found) for found in versions if STATE_TAG in tags_of(found)), None)

    def get(self, name: str, version: str) -> ModelVersion | None:
        """See `ModelRegistry.get`."""
        return self._session.call(lambda client: _get(client, name, version))

    def search(self, name: str = "", tags: Mapping[str, str] | None = None) -> list[ModelVersion]:
        """See `ModelRegistry.search`."""
        return self._session.call(lambda client: _search(client, name, tags or {}))

    def register(self, registration: Registration) -> ModelVersion:
        """See `ModelRegistry.register`."""
        require_writable(registration)
        bundles.require_whole(registration.bundle)
        target = attached_name(self._site_compute)
        return self._session.call(
            lambda client: Registering(client, registration, target, self._session.link_to_file).run()
        )

    def set_tags(self, version: ModelVersion, tags: Mapping[str, str]) -> ModelVersion:
        """See `ModelRegistry.set_tags`."""
        return self._session.call(
            lambda client: model_version(write_tags(client, version.name, version.version, tags))
        )

    def champion(self, name: str) -> ModelVersion | None:
        """See `ModelRegistry.champion`."""
        return self._session.call(lambda client: _champion(client, name))

    def promote(self, version: ModelVersion) -> None:
        """See `ModelRegistry.promote`."""
        self._session.call(lambda client: _promote(client, version))

    def attached(self, version: ModelVersion, path: str) -> bytes | None:
        """See `ModelRegistry.attached`."""

        def read(client: AzureMlClient) -> bytes | None:
            run = client.run(version.run_id) if version.run_id else None
            return None if run is None else RunBlobs(client, container_of(run)).read(path)

        return self._session.call(read)

    def fetch(self, version: ModelVersion, store: Path) -> Path:
        """See `ModelRegistry.fetch`."""
        store.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=store, prefix=".fetch-") as directory:
            files = self._session.call(lambda client: _download(client, version, Path(directory), store))
            try:
                return bundles.pack(Path(directory), files, store)
            except ExportRefused as error:
                raise _changed(version) from error


def _get(client: AzureMlClient, name: str, version: str) -> ModelVersion | None:
    found = client.version(name, version)
    return None if found is None else model_version(found)


def _search(client: AzureMlClient, name: str, tags: Mapping[str, str]) -> list[ModelVersion]:
    """All versions are read, and compared here: the service's query cannot hold every value."""
    found = [model_version(version) for version in client.versions(name)]
    matching = [version for version in found if version.tags.items() >= tags.items()]
    return sorted(matching, key=lambda version: (version.name, int(version.version)))


def _champion(client: AzureMlClient, name: str) -> ModelVersion | None:
    experiment = client.experiment(name)
    number = (experiment.tags or {}).get(CHAMPION_ALIAS) if experiment is not None else None
    return None if number is None else _get(client, name, number)


def _promote(client: AzureMlClient, version: ModelVersion) -> None:
    experiment = client.experiment(version.name)
    if experiment is None:
        raise experiment_gone(version.name)
    client.tag_experiment(experiment.experiment_id, {CHAMPION_ALIAS: version.version})


def _download(client: AzureMlClient, version: ModelVersion, directory: Path, store: Path) -> list[ListedFile]:
    """Bring the version's files into a directory, unless the store has its bundle; gives the listing."""
    found = client.version(version.name, version.version)
    run = client.run(version.run_id) if version.run_id else None
    digest = (found.properties or {}).get(BUNDLE_DIGEST_TAG) if found is not None else None
    if digest is None or run is None:
        raise _changed(version)
    run_files = RunBlobs(client, container_of(run))
    root = bundle_root((run.properties or {}).get(BUNDLE_DIGEST_TAG, ""), digest)
    try:
        files = listing_of_bundle(run_files.read(root + LISTING_PATH), digest)
    except ExportRefused as error:
        raise _changed(version) from error
    if not bundles.is_intact(bundles.bundle_path(store, digest), files):
        for file in files:
            if not run_files.fetch(root + file["path"], directory / file["path"]):
                raise _changed(version)
    return files


def _changed(version: ModelVersion) -> ModelRegistryRefused:
    return ModelRegistryRefused(
        f"The files of {version.name} version {version.version} in Azure Machine Learning are not those "
        "registered; delete the version and register the model again."
    )
