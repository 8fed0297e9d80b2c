"""The runs of trainings that the contract's tests write and look at: in memory, or on an MLflow server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.fakes.model_registry import InMemoryModelRegistry
from tests.fakes.tracking import InMemoryRuns
from tests.mlflow_runs import SeenRun, runs_on

from edge_training.adapters.mlflow_logs import MlflowLogArchive
from edge_training.adapters.mlflow_registry import MlflowRegistry
from edge_training.adapters.mlflow_session import MlflowSession
from edge_training.adapters.mlflow_tracker import MlflowTracker
from edge_training.ports.model_registry import ModelRegistry
from edge_training.ports.tracking import LogArchive, RunTracker


@dataclass(frozen=True)
class Tracking:
    """All that knows the runs of trainings.

    Attributes:
        tracker: Writes to them while they train.
        archive: Keeps their logs.
        models: Completes them.
        runs: Those of one model and training key.
    """

    tracker: RunTracker
    archive: LogArchive
    models: ModelRegistry
    runs: Callable[[str, str], list[SeenRun]]


def in_memory() -> Tracking:
    """Runs in memory."""
    runs = InMemoryRuns()

    def look(model_name: str, training_key: str) -> list[SeenRun]:
        found = runs.runs.get((model_name, training_key))
        if found is None:
            return []
        points = sorted(found.points, key=lambda point: (point.step, point.time_ms, point.name))
        logs = {name: len(content) for name, content in found.logs.items()}
        return [SeenRun(found.run_id, found.status, found.tags, points, logs)]

    return Tracking(runs, runs, InMemoryModelRegistry(runs), look)


def on_mlflow(url: str) -> Tracking:
    """Runs on an MLflow server."""
    session = MlflowSession(url)
    return Tracking(
        MlflowTracker(url, interval_s=0.0),
        MlflowLogArchive(session),
        MlflowRegistry(session),
        lambda model_name, training_key: runs_on(url, model_name, training_key),
    )
