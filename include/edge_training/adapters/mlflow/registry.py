"""The model registry over MLflow's client: one run and one version per training, complete or not at all.

Looked up by the tag `training_key`, then created, filled, verified, and only then marked with the tag
`state`. Every call is safe to repeat, so what a crash or an outage interrupts is simply done again. When two
writers race, the version with the lowest number stays and the others are deleted: MLflow numbers versions in
the order of their creation, so all writers agree which one that is.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runner.listing import LISTING_PATH, MODEL_NAME, ListedFile, bundle_digest
from edge_training import bundle as bundles
from edge_training.adapters.mlflow import curves as mlflow_curves
from edge_training.adapters.mlflow.dialect import MlflowDialect
from edge_training.adapters.mlflow.files import RunFiles
from edge_training.adapters.mlflow.refusals import unless_absent, unless_existing
from edge_training.adapters.mlflow.runs import training_run
from edge_training.adapters.mlflow.session import MlflowSession
from edge_training.adapters.mlflow.versions import differing, get_model, get_version, set_tags
from edge_training.errors import ExportRefused, ModelRegistryRefused, ModelRegistryUnavailable
from edge_training.ports.model_registry import (
    BUNDLE_DIGEST_TAG,
    STATE_TAG,
    TRAINING_KEY_TAG,
    ModelVersion,
    Registration,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

PARAMS_PER_BATCH = 100


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
        return self._session.call(lambda client: _Registering(client, registration, self._dialect).run())

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
            files = self._session.call(
                lambda client: _download(self._dialect.files(client), version, Path(directory), store)
            )
            try:
                return bundles.pack(Path(directory), files, store)
            except ExportRefused as error:
                raise _changed(version) from error


class _Registering:
    """One registration on its way, from whatever an earlier try left to a finished version."""

    def __init__(self, client: MlflowClient, registration: Registration, dialect: MlflowDialect) -> None:
        self._client = client
        self._dialect = dialect
        self._run_files = dialect.files(client)
        self._registration = registration
        self._tags = {
            **registration.tags,
            TRAINING_KEY_TAG: registration.training_key,
            BUNDLE_DIGEST_TAG: registration.bundle.stem,
        }

    def run(self) -> ModelVersion:
        """Find, complete or make the version, or give a finished one another state."""
        version = self._elect()
        if version is None:
            self._ensure_model()
            name, training_key = self._registration.name, self._registration.training_key
            run = training_run(self._client, name, training_key, self._dialect.run_tags(self._tags))
            tags = self._fill_run(run.info.run_id)
            self._create_version(run, tags)
            version = self._elect()
        if version is None:
            raise ModelRegistryUnavailable(
                f"A version of {self._registration.name} vanished; it is made again."
            )
        if version.tags.get(STATE_TAG) == self._registration.state:
            return version
        if STATE_TAG in version.tags:
            unless_absent(self._client.delete_model_version_tag, version.name, version.version, STATE_TAG)
        tags = self._fill_run(version.run_id)
        written = set_tags(self._client, version, differing(version, tags))
        if wrong := sorted(differing(written, tags)):
            raise ModelRegistryUnavailable(
                f"{version.name} version {version.version} has other values of {', '.join(wrong)} "
                "than written; they are written again."
            )
        return set_tags(self._client, version, {STATE_TAG: self._registration.state})

    def _elect(self) -> ModelVersion | None:
        """The one version that stays; others are left by writers that raced and are deleted."""
        wanted = {TRAINING_KEY_TAG: self._registration.training_key}
        versions = self._dialect.versions(self._client, self._registration.name, wanted)
        versions.sort(key=lambda version: (STATE_TAG not in version.tags, int(version.version)))
        for loser in versions[1:]:
            unless_absent(self._client.delete_model_version, loser.name, loser.version)
            if loser.run_id != versions[0].run_id:
                unless_absent(self._client.delete_run, loser.run_id)
        return versions[0] if versions else None

    def _ensure_model(self) -> None:
        name = self._registration.name
        if get_model(self._client, name) is None:
            unless_existing(self._client.create_registered_model, name)

    def _fill_run(self, run_id: str) -> dict[str, str]:
        """Write metrics, parameters and files into the run, unless that was done to the end before.

        Returns:
            The tags of the version: ours, with the digest of the bundle that the run holds.
        """
        run = self._client.get_run(run_id)
        if STATE_TAG in run.data.tags:
            tags = {**self._tags, BUNDLE_DIGEST_TAG: run.data.tags[BUNDLE_DIGEST_TAG]}
            if run.data.tags[STATE_TAG] != self._registration.state:
                self._run_files.write(run, bundles.in_memory(self._registration.attachments))
                self._tag_run(run_id, {**self._dialect.run_tags(tags), STATE_TAG: self._registration.state})
            return tags
        self._log_numbers(run)
        self._run_files.write(run, bundles.in_memory(self._registration.attachments))
        self._run_files.write(run, bundles.read_listed(self._registration.bundle))
        self._client.set_terminated(run_id)
        self._client.set_tag(run_id, STATE_TAG, self._registration.state)
        return self._tags

    def _log_numbers(self, run: Run) -> None:
        """Write tags, parameters, and the points of metrics that were not forwarded while it trained."""
        from mlflow.entities import Param

        written = run.data.params  # once and for all, such as the ballot that the run was elected by
        params = [
            Param(name, value)
            for name, value in sorted(self._registration.params.items())
            if name not in written
        ]
        own = {name: value for name, value in self._registration.run_tags.items() if name != STATE_TAG}
        self._tag_run(run.info.run_id, self._dialect.run_tags({**own, **self._tags}))
        per_batch = self._dialect.points_per_batch
        mlflow_curves.complete(self._client, run, self._registration.metrics, per_batch)
        for start in range(0, len(params), PARAMS_PER_BATCH):
            self._client.log_batch(run.info.run_id, params=params[start : start + PARAMS_PER_BATCH])

    def _tag_run(self, run_id: str, tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        self._client.log_batch(run_id, tags=[RunTag(*tag) for tag in tags.items()])

    def _create_version(self, run: Run, tags: Mapping[str, str]) -> None:
        self._client.create_model_version(
            self._registration.name,
            source=f"{run.info.artifact_uri}/{MODEL_NAME}",
            run_id=run.info.run_id,
            tags=dict(tags),
            description=self._description(run),
            await_creation_for=0,  # what is there counts by its tags, not by the server's word
        )

    def _description(self, run: Run) -> str:
        """What people read of the version, with a link to its card."""
        told, card = self._registration.description, self._registration.card
        return f"{told} {self._run_files.link('Model card', run, card)}".strip() if card else told


def _download(run_files: RunFiles, version: ModelVersion, directory: Path, store: Path) -> list[ListedFile]:
    """Bring the version's files into a directory, unless the store has its bundle; gives the listing."""
    listing_file = run_files.fetch(version.run_id, LISTING_PATH, directory)
    try:
        files = bundles.check_listing(json.loads(listing_file.read_bytes()), ("**",))
    except (ValueError, ExportRefused) as error:
        raise _changed(version) from error
    digest = bundle_digest(files)
    if digest != version.tags.get(BUNDLE_DIGEST_TAG):
        raise _changed(version)
    if not bundles.is_intact(bundles.bundle_path(store, digest), files):
        for file in files:
            run_files.fetch(version.run_id, file["path"], directory)
    return files


def _changed(version: ModelVersion) -> ModelRegistryRefused:
    return ModelRegistryRefused(
        f"The files of {version.name} version {version.version} in MLflow are not those registered; "
        "delete the version and register the model again."
    )
