"""A model registry in memory; obeys tests/contract/test_model_registry.py like the real ones."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tests.fakes.tracking import InMemoryRuns, TrainingRun

from edge_runner.frames import Point
from edge_training import bundle as bundles
from edge_training.bundle import Metric
from edge_training.ports.model_registry import (
    BUNDLE_DIGEST_TAG,
    STATE_TAG,
    TRAINING_KEY_TAG,
    ModelVersion,
    Registration,
)


class InMemoryModelRegistry:
    """Implements `ModelRegistry`; what was registered can be looked at in `registrations`.

    Args:
        runs: The runs of trainings that a registration completes.
    """

    def __init__(self, runs: InMemoryRuns | None = None) -> None:
        self._runs = runs or InMemoryRuns()
        self.registrations: dict[tuple[str, str], Registration] = {}
        self._versions: dict[tuple[str, str], ModelVersion] = {}
        self._champions: dict[str, str] = {}

    def find(self, name: str, training_key: str) -> ModelVersion | None:
        """See `ModelRegistry.find`."""
        found = [
            version
            for version in self._versions.values()
            if version.name == name and version.tags[TRAINING_KEY_TAG] == training_key
        ]
        return found[0] if found else None

    def get(self, name: str, version: str) -> ModelVersion | None:
        """See `ModelRegistry.get`."""
        return self._versions.get((name, version))

    def search(self, name: str = "", tags: Mapping[str, str] | None = None) -> list[ModelVersion]:
        """See `ModelRegistry.search`."""
        found = [
            version
            for version in self._versions.values()
            if name in ("", version.name) and version.tags.items() >= (tags or {}).items()
        ]
        return sorted(found, key=lambda version: (version.name, int(version.version)))

    def register(self, registration: Registration) -> ModelVersion:
        """See `ModelRegistry.register`."""
        if found := self.find(registration.name, registration.training_key):
            if found.tags[STATE_TAG] == registration.state:
                return found
            self.registrations[found.name, found.version] = registration
            described = replace(found, description=described_as(registration, found.version))
            self._versions[found.name, found.version] = described
            return self.set_tags(found, {**registration.tags, STATE_TAG: registration.state})
        bundles.require_whole(registration.bundle)
        for content in bundles.read_listed(registration.bundle):
            content.stream.read()
        number = str(1 + sum(name == registration.name for name, _ in self._versions))
        tags = {
            **registration.tags,
            TRAINING_KEY_TAG: registration.training_key,
            BUNDLE_DIGEST_TAG: registration.bundle.stem,
            STATE_TAG: registration.state,
        }
        run = self._runs.find_or_make(registration.name, registration.training_key, registration.tags)
        complete(run, registration.metrics)
        version = ModelVersion(
            registration.name,
            number,
            tags,
            run.run_id,
            f"memory:/{number}/model",
            described_as(registration, number),
        )
        self.registrations[registration.name, number] = registration
        self._versions[registration.name, number] = version
        return version

    def set_tags(self, version: ModelVersion, tags: Mapping[str, str]) -> ModelVersion:
        """See `ModelRegistry.set_tags`."""
        current = self._versions[version.name, version.version]
        changed = replace(current, tags={**current.tags, **tags})
        self._versions[version.name, version.version] = changed
        return changed

    def champion(self, name: str) -> ModelVersion | None:
        """See `ModelRegistry.champion`."""
        return self._versions.get((name, self._champions.get(name, "")))

    def promote(self, version: ModelVersion) -> None:
        """See `ModelRegistry.promote`."""
        self._champions[version.name] = version.version

    def delete(self, version: ModelVersion) -> None:
        """What somebody does on the registry's own pages."""
        del self._versions[version.name, version.version]

    def attached(self, version: ModelVersion, path: str) -> bytes | None:
        """See `ModelRegistry.attached`."""
        return self.registrations[version.name, version.version].attachments.get(path)

    def fetch(self, version: ModelVersion, store: Path) -> Path:
        """See `ModelRegistry.fetch`."""
        bundle = self.registrations[version.name, version.version].bundle
        target = store / bundle.name
        if not target.exists():
            store.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(bundle, target)
        return target


def complete(run: TrainingRun, metrics: Sequence[Metric]) -> None:
    """Add the points that a run lacks, and end it."""
    known = {(point.step, point.name, point.value) for point in run.points}
    run.log(
        Point(metric.step, metric.name, metric.value, 0)
        for metric in metrics
        if (metric.step, metric.name, metric.value) not in known
    )
    run.status, run.is_registered = "FINISHED", True


def described_as(registration: Registration, number: str) -> str:
    """What people read of a version."""
    link = f" [Model card](memory:/{number}/{registration.card})" if registration.card else ""
    return f"{registration.description}{link}"
