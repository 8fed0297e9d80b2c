"""One registration on its way to a finished version on an MLflow server, from whatever an earlier try left.

Looked up by the tag `training_key`, then created, filled, verified, and only then marked with the tag
`state`. Every step is safe to repeat, so what a crash or an outage interrupts is simply done again. When two
writers race, the version with the lowest number stays and the others are deleted: MLflow numbers versions in
the order of their creation, so all writers agree which one that is.

Two writers may bring different bytes, for a model that is saved again is not the same file. A parameter of
the run, written once and never changed, says whose bundle lies at its root; every other lies apart, so they
never mix, and a version leads to the one that it was made of. They may bring different tags, too: those that
belong together are sealed, see `seal.py` (docs/decisions/0022).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from edge_runner.listing import MODEL_NAME
from edge_training import bundle as bundles
from edge_training.adapters.mlflow import curves as mlflow_curves
from edge_training.adapters.mlflow.dialect import MlflowDialect
from edge_training.adapters.mlflow.files import beneath
from edge_training.adapters.mlflow.refusals import unless_absent, unless_existing, unless_written
from edge_training.adapters.mlflow.runs import training_run
from edge_training.adapters.mlflow.seal import seal
from edge_training.adapters.mlflow.versions import differing, get_model, get_version, set_tags
from edge_training.adapters.run_layout import bundle_root
from edge_training.errors import ModelRegistryUnavailable
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

CLAIM: Final = BUNDLE_DIGEST_TAG
"""The run's parameter with the digest of the bundle at its root."""
PARAMS_PER_BATCH: Final = 100


class Registering:
    """A registration, and the run that it completes."""

    def __init__(self, client: MlflowClient, registration: Registration, dialect: MlflowDialect) -> None:
        """Prepare; nothing is sent yet.

        Args:
            client: MLflow's client.
            registration: What is to be registered.
            dialect: What the server does in its own way.
        """
        self._client = client
        self._dialect = dialect
        self._run_files = dialect.files(client)
        self._registration = registration
        self._tags = {**registration.tags, TRAINING_KEY_TAG: registration.training_key}

    def run(self) -> ModelVersion:
        """Find, complete or make the version, or give a finished one another state."""
        wanted = self._registration
        version = self._elect()
        if version is None:
            self._ensure_model()
            run = training_run(
                self._client, wanted.name, wanted.training_key, self._dialect.run_tags(self._tags)
            )
            self._create_version(run, *self._fill(run))
            version = self._elect()
        if version is None:
            raise ModelRegistryUnavailable(f"A version of {wanted.name} vanished; it is made again.")
        return version if version.tags.get(STATE_TAG) == wanted.state else self._finish(version)

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

    def _fill(self, run: Run) -> tuple[str, str]:
        """Write metrics, parameters and bundle into the run, unless that was done to the end before.

        Returns:
            Digest of the bundle that the version is to be made of, and where in the run all of it lies.
        """
        if STATE_TAG in run.data.tags:
            digest = str(run.data.tags[BUNDLE_DIGEST_TAG])
            return digest, bundle_root(run.data.params.get(CLAIM, digest), digest)
        bundle = self._registration.bundle
        root = bundle_root(self._claimed(run), bundle.stem)
        self._log_numbers(run)
        self._run_files.write(run, beneath(root, bundles.read_listed(bundle)))
        self._client.set_terminated(run.info.run_id)
        self._tag_run(run.info.run_id, self._complete(bundle.stem))
        return bundle.stem, root

    def _claimed(self, run: Run) -> str:
        """The digest of the bundle at the run's root: whoever comes first."""
        from mlflow.entities import Param

        if CLAIM in run.data.params:
            return str(run.data.params[CLAIM])
        claim = [Param(CLAIM, self._registration.bundle.stem)]
        unless_written(self._client.log_batch, run.info.run_id, (), claim)
        claimed = self._client.get_run(run.info.run_id).data.params.get(CLAIM)
        if claimed is None:
            raise ModelRegistryUnavailable(
                f"The run {run.info.run_id} does not say whose bundle it holds; it is written again."
            )
        return str(claimed)

    def _log_numbers(self, run: Run) -> None:
        """Write tags, parameters, and the points of metrics that were not forwarded while it trained."""
        from mlflow.entities import Param

        # Once and for all, such as the ballot that the run was elected by.
        written = {*run.data.params, CLAIM}
        params = [
            Param(name, value)
            for name, value in sorted(self._registration.params.items())
            if name not in written
        ]
        marks = (STATE_TAG, BUNDLE_DIGEST_TAG)
        own = {name: value for name, value in self._registration.run_tags.items() if name not in marks}
        self._tag_run(run.info.run_id, self._dialect.run_tags({**own, **self._tags}))
        per_batch = self._dialect.points_per_batch
        mlflow_curves.complete(self._client, run, self._registration.metrics, per_batch)
        for start in range(0, len(params), PARAMS_PER_BATCH):
            self._client.log_batch(run.info.run_id, params=params[start : start + PARAMS_PER_BATCH])

    def _create_version(self, run: Run, digest: str, root: str) -> None:
        tags = self._tags_of(digest)
        self._client.create_model_version(
            self._registration.name,
            source=f"{run.info.artifact_uri}/{root}{MODEL_NAME}",
            run_id=run.info.run_id,
            tags=tags | seal(tags, self._registration.state),
            description=self._description(run),
            await_creation_for=0,  # what is there counts by its tags, not by the server's word
        )

    def _finish(self, version: ModelVersion) -> ModelVersion:
        """Write the small files and all tags, and the state last; meanwhile the version is unfinished.

        Where another writer has finished it while our files were on the way, ours lie over those of that one:
        so it is taken back, and gets our tags as well, unless they are the same.

        Raises:
            ModelRegistryUnavailable: Another one writes to it at the same time.
        """
        if STATE_TAG in version.tags:
            unless_absent(self._client.delete_model_version_tag, version.name, version.version, STATE_TAG)
        run, digest = self._client.get_run(version.run_id), version.tags[BUNDLE_DIGEST_TAG]
        self._run_files.write(run, bundles.in_memory(self._registration.attachments))
        self._tag_run(version.run_id, {**self._dialect.run_tags(self._tags), **self._complete(digest)})
        now = get_version(self._client, version.name, version.version)
        tags, state = self._tags_of(digest), self._registration.state
        if now is not None and STATE_TAG in now.tags:
            return self._finish(now) if differing(now, {**tags, STATE_TAG: state}) else now
        self._describe(now or version, run)
        set_tags(self._client, version, {**differing(now or version, tags), **seal(tags, state)})
        finished = set_tags(self._client, version, {STATE_TAG: state})
        if differing(finished, {**tags, STATE_TAG: state}):
            raise ModelRegistryUnavailable(
                f"Somebody else writes to {version.name} version {version.version} at the same time; it is "
                "looked at again."
            )
        return finished

    def _describe(self, version: ModelVersion, run: Run) -> None:
        """Say what another verdict says, too."""
        description = self._description(run)
        if version.description != description:
            self._client.update_model_version(version.name, version.version, description)

    def _tags_of(self, digest: str) -> dict[str, str]:
        """The tags of a version that is made of this bundle."""
        return {**self._tags, BUNDLE_DIGEST_TAG: digest}

    def _complete(self, digest: str) -> dict[str, str]:
        """The marks of a run that has all of a bundle, written in one request."""
        return {BUNDLE_DIGEST_TAG: digest, STATE_TAG: self._registration.state}

    def _tag_run(self, run_id: str, tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        self._client.log_batch(run_id, tags=[RunTag(*tag) for tag in tags.items()])

    def _description(self, run: Run) -> str:
        """What people read of the version, with a link to its card."""
        told, card = self._registration.description, self._registration.card
        return f"{told} {self._run_files.link('Model card', run, card)}".strip() if card else told
