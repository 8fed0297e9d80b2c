"""The runs of trainings that the contract's tests write and look at: in memory, or on an MLflow server, whose
client lives here or in another interpreter.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.fakes.model_registry import InMemoryModelRegistry
from tests.fakes.tracking import InMemoryRuns
from tests.mlflow_runs import SeenRun, runs_on

from edge_training.adapters.background_tracker import BackgroundTracker
from edge_training.adapters.bridge.client import Bridge
from edge_training.adapters.bridge.ports import (
    BridgedAsyncTrainingRuns,
    BridgedLogArchive,
    BridgedRegistry,
)
from edge_training.adapters.mlflow.api import MlflowApi
from edge_training.adapters.mlflow.logs import MlflowLogArchive
from edge_training.adapters.mlflow.registry import MlflowRegistry
from edge_training.adapters.mlflow.session import MlflowSession
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
        BackgroundTracker(lambda: MlflowApi(url), interval_s=0.0),
        MlflowLogArchive(session),
        MlflowRegistry(session),
        partial(runs_on, url),
    )


def over(bridge: Bridge, runs: Callable[[str, str], list[SeenRun]]) -> Tracking:
    """Runs behind a bridge.

    Args:
        bridge: Leads to their registry.
        runs: Looks at them on another way.
    """
    return Tracking(
        BackgroundTracker(lambda: BridgedAsyncTrainingRuns(bridge), interval_s=0.0),
        BridgedLogArchive(bridge),
        BridgedRegistry(bridge),
        runs,
    )


@contextmanager
def on_mlflow_over_the_bridge(url: str) -> Iterator[Tracking]:
    """Runs on an MLflow server that is reached from another process."""
    bridge = Bridge(Path(sys.executable), {"kind": "mlflow", "url": url})
    yield over(bridge, partial(runs_on, url))
    bridge.close()
