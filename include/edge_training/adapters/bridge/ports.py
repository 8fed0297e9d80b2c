"""The ports of a model registry behind a bridge: each call is made at the other end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, cast

from edge_runner.frames import Point
from edge_runner.listing import ListedFile
from edge_training.adapters.bridge.client import Bridge
from edge_training.ports.model_registry import ModelVersion, Registration
from edge_training.ports.tracking import RunStatus, TrainingRun
from edge_training.ports.validations import KeptValidation, Validation

TRANSFER_LIMIT_S: Final = 4 * 3600.0
"""For calls that move a bundle or a log, which may have gigabytes."""


class BridgedRegistry:
    """A model registry behind a bridge; implements `ModelRegistry`."""

    def __init__(self, bridge: Bridge) -> None:
        """Use a bridge; nothing is started yet."""
        self._bridge = bridge

    def find(self, name: str, training_key: str) -> ModelVersion | None:
        """See `ModelRegistry.find`."""
        found = self._bridge.call("registry.find", name=name, training_key=training_key)
        return cast("ModelVersion | None", found)

    def get(self, name: str, version: str) -> ModelVersion | None:
        """See `ModelRegistry.get`."""
        return cast("ModelVersion | None", self._bridge.call("registry.get", name=name, version=version))

    def search(self, name: str = "", tags: Mapping[str, str] | None = None) -> list[ModelVersion]:
        """See `ModelRegistry.search`."""
        return cast("list[ModelVersion]", self._bridge.call("registry.search", name=name, tags=tags))

    def register(self, registration: Registration) -> ModelVersion:
        """See `ModelRegistry.register`."""
        found = self._bridge.call("registry.register", TRANSFER_LIMIT_S, registration=registration)
        return cast("ModelVersion", found)

    def set_tags(self, version: ModelVersion, tags: Mapping[str, str]) -> ModelVersion:
        """See `ModelRegistry.set_tags`."""
        return cast("ModelVersion", self._bridge.call("registry.set_tags", version=version, tags=tags))

    def champion(self, name: str) -> ModelVersion | None:
        """See `ModelRegistry.champion`."""
        return cast("ModelVersion | None", self._bridge.call("registry.champion", name=name))

    def promote(self, version: ModelVersion) -> None:
        """See `ModelRegistry.promote`."""
        self._bridge.call("registry.promote", version=version)

    def attached(self, version: ModelVersion, path: str) -> bytes | None:
        """See `ModelRegistry.attached`."""
        return cast("bytes | None", self._bridge.call("registry.attached", version=version, path=path))

    def fetch(self, version: ModelVersion, store: Path) -> Path:
        """See `ModelRegistry.fetch`."""
        found = self._bridge.call("registry.fetch", TRANSFER_LIMIT_S, version=version, store=store)
        return cast("Path", found)


class BridgedTrainingRuns:
    """The runs of trainings behind a bridge; implements `TrainingRuns`."""

    def __init__(self, bridge: Bridge) -> None:
        """Use a bridge; nothing is started yet."""
        self._bridge = bridge

    def training_run(self, model_name: str, training_key: str, tags: Mapping[str, str]) -> TrainingRun:
        """See `TrainingRuns.training_run`."""
        found = self._bridge.call(
            "runs.training_run", model_name=model_name, training_key=training_key, tags=tags
        )
        return cast("TrainingRun", found)

    def log_points(self, run_id: str, points: Sequence[Point]) -> None:
        """See `TrainingRuns.log_points`."""
        self._bridge.call("runs.log_points", run_id=run_id, points=points)

    def set_status(self, run_id: str, status: RunStatus) -> None:
        """See `TrainingRuns.set_status`."""
        self._bridge.call("runs.set_status", run_id=run_id, status=status)


class BridgedAsyncTrainingRuns:
    """The runs of trainings behind a bridge, for an event loop; implements `AsyncTrainingRuns`."""

    def __init__(self, bridge: Bridge) -> None:
        """Use a bridge, which others may use, too; nothing is started yet."""
        self._bridge = bridge
        self._runs = BridgedTrainingRuns(bridge)

    async def training_run(self, model_name: str, training_key: str, tags: Mapping[str, str]) -> TrainingRun:
        """See `TrainingRuns.training_run`."""
        return await self._bridge.in_turn(self._runs.training_run, model_name, training_key, tags)

    async def log_points(self, run_id: str, points: Sequence[Point]) -> None:
        """See `TrainingRuns.log_points`."""
        await self._bridge.in_turn(self._runs.log_points, run_id, tuple(points))

    async def set_status(self, run_id: str, status: RunStatus) -> None:
        """See `TrainingRuns.set_status`."""
        await self._bridge.in_turn(self._runs.set_status, run_id, status)

    async def aclose(self) -> None:
        """The bridge stays, for others."""


class BridgedLogArchive:
    """Where raw logs are kept, behind a bridge; implements `LogArchive`."""

    def __init__(self, bridge: Bridge) -> None:
        """Use a bridge; nothing is started yet."""
        self._bridge = bridge

    def attach(self, model_name: str, training_key: str, log_file: Path) -> str:
        """See `LogArchive.attach`."""
        found = self._bridge.call(
            "logs.attach",
            TRANSFER_LIMIT_S,
            model_name=model_name,
            training_key=training_key,
            log_file=log_file,
        )
        return cast("str", found)


class BridgedValidationArchive:
    """Where reports on data are kept, behind a bridge; implements `ValidationArchive`."""

    def __init__(self, bridge: Bridge) -> None:
        """Use a bridge; nothing is started yet."""
        self._bridge = bridge

    def keep(self, validation: Validation) -> KeptValidation:
        """See `ValidationArchive.keep`."""
        return cast("KeptValidation", self._bridge.call("validations.keep", validation=validation))

    def fetch(self, run_id: str, files: Sequence[ListedFile]) -> dict[str, bytes]:
        """See `ValidationArchive.fetch`."""
        found = self._bridge.call("validations.fetch", run_id=run_id, files=files)
        return cast("dict[str, bytes]", found)


class BridgedComputeTarget:
    """A compute target behind a bridge; implements `ComputeTarget`."""

    def __init__(self, bridge: Bridge) -> None:
        """Use a bridge; nothing is started yet."""
        self._bridge = bridge

    def attach(self) -> str:
        """See `ComputeTarget.attach`."""
        return str(self._bridge.call("compute.attach"))

    def detach(self) -> str:
        """See `ComputeTarget.detach`."""
        return str(self._bridge.call("compute.detach"))
