"""One registration on its way to a finished version in Azure Machine Learning, from whatever an earlier try
left.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from edge_runner.frames import Point
from edge_runner.listing import MODEL_NAME
from edge_runner.protocol import canonical_json
from edge_training import bundle as bundles
from edge_training.adapters.azureml.client import ORIGIN, AzureMlClient, unless_written
from edge_training.adapters.azureml.files import RunBlobs
from edge_training.adapters.azureml.framework import framework_of
from edge_training.adapters.azureml.limits import ENTRIES, PARAM_PREFIX, cut
from edge_training.adapters.azureml.runs import (
    FINISHED,
    KnownRun,
    ensure_run,
    missing,
    move_to,
    write_points,
)
from edge_training.adapters.azureml.versions import model_version, tags_of, versions_of, write_tags
from edge_training.adapters.run_layout import bundle_root, of_training
from edge_training.errors import ModelRegistryUnavailable
from edge_training.ports.model_registry import (
    BUNDLE_DIGEST_TAG,
    STATE_TAG,
    TRAINING_KEY_TAG,
    ModelVersion,
    Registration,
)

if TYPE_CHECKING:
    from azureml._restclient.models import Model

PARAMS_PATH: Final = "params.json"
"""All parameters, beside the files: a run has room for 50 properties."""


class Registering:
    """A registration, and the run that it completes."""

    def __init__(
        self,
        client: AzureMlClient,
        registration: Registration,
        compute_target: str | None,
        link_to_run: Callable[[str, str], str],
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            client: The workspace.
            registration: What is to be registered.
            compute_target: The attached machine that it was trained on.
            link_to_run: Where people find a file, by run and path.
        """
        self._client = client
        self._registration = registration
        self._digest = registration.bundle.stem
        self._compute_target = compute_target
        self._link_to_run = link_to_run

    def run(self) -> ModelVersion:
        """Find, complete or make the version, or give a finished one another state."""
        wanted = self._registration
        version = self._elect()
        if version is None:
            run = self._claimed(self._ensure_run())
            self._create_version(run, self._fill(run))
            version = self._elect()
        if version is None:
            raise ModelRegistryUnavailable(f"A version of {wanted.name} vanished; it is made again.")
        if tags_of(version).get(STATE_TAG) == wanted.state:
            return model_version(version)
        return model_version(self._finish(version))

    def _elect(self) -> Model | None:
        """The one version that stays; others are left by writers that raced and are deleted."""
        found = versions_of(self._client, self._registration.name, self._registration.training_key)
        for loser in found[1:]:
            self._client.delete_version(loser)
        return found[0] if found else None

    def _finish(self, version: Model) -> Model:
        """Write the small files, and all tags and the state in one request; meanwhile the version is
        unfinished.

        Where another writer has finished it while our files were on the way, ours lie over those of that one:
        so it is taken back, and gets our tags as well, unless they are the same.
        """
        self._take_back_state(version)
        digest, run = version.properties[BUNDLE_DIGEST_TAG], self._ensure_run()
        self._attach(run)
        self._tag(run, digest)
        name, number = self._registration.name, str(version.version)
        now = self._client.version(name, number)
        wanted = {**self._tags(digest), STATE_TAG: self._registration.state}
        description = self._description(run)
        if now is not None and (now.description or "") != description:
            self._client.describe(now, description)
        if now is not None and STATE_TAG in tags_of(now):
            return now if tags_of(now).items() >= wanted.items() else self._finish(now)
        return write_tags(self._client, name, number, wanted)

    def _take_back_state(self, version: Model) -> None:
        """Make a version unfinished while its files change."""
        kept = {name: value for name, value in tags_of(version).items() if name != STATE_TAG}
        if kept != tags_of(version):
            self._client.replace_tags(version, kept)

    def _ensure_run(self) -> KnownRun:
        wanted = self._registration
        tags = self._tags(self._digest)
        identity = of_training(wanted.training_key, tags)
        return ensure_run(self._client, wanted.name, identity, tags, self._compute_target)

    def _fill(self, run: KnownRun) -> str:
        """Write metrics, parameters and bundle into the run, unless that was done to the end before.

        Returns:
            The digest of the bundle that the version is to be made of: the one that the run holds.
        """
        if run.is_complete:
            return run.tags[BUNDLE_DIGEST_TAG]
        self._log_numbers(run)
        self._upload(run)
        move_to(self._client, run, FINISHED)
        self._tag(run, self._digest)
        return self._digest

    def _log_numbers(self, run: KnownRun) -> None:
        """Write parameters, and the points of metrics that were not forwarded while it trained."""
        now_ms = time.time_ns() // 1_000_000
        points = [
            Point(metric.step, metric.name, metric.value, now_ms) for metric in self._registration.metrics
        ]
        write_points(self._client, run.run_id, missing(self._client, run.run_id, points))
        others = [name for name in run.properties if not name.startswith(PARAM_PREFIX)]
        room = ENTRIES - len(others)
        params = dict(sorted(self._registration.params.items())[:room])
        unwritten = {
            f"{PARAM_PREFIX}{name}": value
            for name, value in cut(params).items()
            if f"{PARAM_PREFIX}{name}" not in run.properties
        }
        if unwritten:
            self._client.write_run(run.experiment, run.run_id, properties=unwritten)

    def _upload(self, run: KnownRun) -> None:
        """Send the bundle's files, then their listing, each held against ours.

        Raises:
            ExportRefused: The bundle's bytes are not those that it is named by.
        """
        files = RunBlobs(self._client, run.container)
        root = bundle_root(run.properties[BUNDLE_DIGEST_TAG], self._digest)
        for content in bundles.read_listed(self._registration.bundle):
            files.write(root + content.path, content.stream, content.size_bytes)

    def _claimed(self, run: KnownRun) -> KnownRun:
        """The run, once one of its properties says whose bundle lies at its root: whoever comes first."""
        if BUNDLE_DIGEST_TAG in run.properties:
            return run
        properties = {BUNDLE_DIGEST_TAG: self._digest}
        written = unless_written(self._client.write_run, run.experiment, run.run_id, properties=properties)
        found = written or self._client.run(run.run_id)
        if found is None or BUNDLE_DIGEST_TAG not in found.properties:
            raise ModelRegistryUnavailable(
                f"The run {run.run_id} does not say whose bundle it holds; it is written again."
            )
        return replace(run, properties=dict(found.properties))

    def _attach(self, run: KnownRun) -> None:
        """Send the small files that go with the version."""
        params = canonical_json(dict(self._registration.params))
        files = RunBlobs(self._client, run.container)
        for path, content in {**self._registration.attachments, PARAMS_PATH: params}.items():
            files.write(path, content, len(content))

    def _tag(self, run: KnownRun, digest: str) -> None:
        """Mark the run as complete; ours come before the script's own tags."""
        state = {STATE_TAG: self._registration.state}
        tags = {**self._registration.run_tags, **self._tags(digest), **state}
        self._client.write_run(run.experiment, run.run_id, tags=cut(tags))

    def _create_version(self, run: KnownRun, digest: str) -> None:
        root = bundle_root(run.properties[BUNDLE_DIGEST_TAG], digest)
        asset = self._client.create_asset(
            self._registration.name, f"{ORIGIN}/{run.container}/{root}{MODEL_NAME}"
        )
        framework, framework_version = framework_of(self._registration.bundle)
        self._client.create_version(
            name=self._registration.name,
            url=f"aml://asset/{asset}",
            kv_tags=self._tags(digest),
            properties={TRAINING_KEY_TAG: self._registration.training_key, BUNDLE_DIGEST_TAG: digest},
            description=self._description(run),
            framework=framework,
            framework_version=framework_version,
            run_id=run.run_id,
            experiment_name=run.experiment,
        )

    def _description(self, run: KnownRun) -> str:
        """What people read of the version, with a link to its card."""
        told, card = self._registration.description, self._registration.card
        return f"{told} [Model card]({self._link_to_run(run.run_id, card)})".strip() if card else told

    def _tags(self, digest: str) -> dict[str, str]:
        return {
            **self._registration.tags,
            TRAINING_KEY_TAG: self._registration.training_key,
            BUNDLE_DIGEST_TAG: digest,
        }
