"""Runs of trainings over MLflow's own client, for whoever may block; an event loop asks `api.MlflowApi`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from edge_runner.frames import Point
from edge_training.adapters.mlflow.runs import training_run
from edge_training.adapters.mlflow.session import MlflowSession
from edge_training.ports.model_registry import STATE_TAG
from edge_training.ports.tracking import RunStatus, TrainingRun

if TYPE_CHECKING:
    from mlflow import MlflowClient


class MlflowTrainingRuns:
    """An MLflow server; implements `TrainingRuns`."""

    def __init__(self, session: MlflowSession) -> None:
        """Use the server of a session; nothing is sent yet."""
        self._session = session

    def training_run(self, model_name: str, training_key: str, tags: Mapping[str, str]) -> TrainingRun:
        """See `TrainingRuns.training_run`."""
        run = self._session.call(lambda client: training_run(client, model_name, training_key, tags))
        return TrainingRun(run.info.run_id, run.info.status, STATE_TAG in run.data.tags)

    def log_points(self, run_id: str, points: Sequence[Point]) -> None:
        """See `TrainingRuns.log_points`."""
        most = self._session.dialect.points_per_batch
        for start in range(0, len(points), most):
            batch = points[start : start + most]
            self._session.call(partial(_log, run_id=run_id, points=batch))

    def set_status(self, run_id: str, status: RunStatus) -> None:
        """See `TrainingRuns.set_status`."""
        if status == "RUNNING":
            self._session.call(lambda client: client.update_run(run_id, status))
        else:
            self._session.call(lambda client: client.set_terminated(run_id, status))


def _log(client: MlflowClient, run_id: str, points: Sequence[Point]) -> None:
    from mlflow.entities import Metric

    client.log_batch(
        run_id, metrics=[Metric(point.name, point.value, point.time_ms, point.step) for point in points]
    )
