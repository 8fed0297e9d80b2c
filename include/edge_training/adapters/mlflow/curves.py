"""The curves of a run in MLflow: what was forwarded while it trained stays, what is missing is added.

MLflow keeps every (step, time, value) it is given, so a point is never written for a second time under
another time. Times of added points follow from what the run has: whoever adds them, and however often, adds
the same ones, and MLflow knows a point it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from edge_training.bundle import Metric

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric as MlflowMetric
    from mlflow.entities import Run


@dataclass(frozen=True)
class TimedPoint:
    """A point of one curve.

    Attributes:
        step: The step.
        value: Its value.
        time_ms: When it was measured, in milliseconds since 1970.
    """

    step: int
    value: float
    time_ms: int


def missing_points(
    curve: Iterable[Metric], known: Iterable[TimedPoint], start_time_ms: int
) -> Iterator[TimedPoint]:
    """What a run lacks of a curve.

    A step that has another value in the run gets the curve's as its latest. A point nobody saw live gets the
    time of the step before it, or the run's start.

    Args:
        curve: All points of one metric; of a step given twice, the later value counts.
        known: What the run has of that metric.
        start_time_ms: When the run started.
    """
    latest: dict[int, TimedPoint] = {}
    for point in known:
        if point.step not in latest or point.time_ms >= latest[point.step].time_ms:
            latest[point.step] = point
    time_ms = start_time_ms
    for step, value in sorted({point.step: point.value for point in curve}.items()):
        seen = latest.get(step)
        if seen and seen.value == value:
            time_ms = max(time_ms, seen.time_ms)
            continue
        if seen:
            time_ms = max(time_ms, seen.time_ms + 1)
        yield TimedPoint(step, value, time_ms)


def complete(client: MlflowClient, run: Run, metrics: Sequence[Metric], points_per_batch: int) -> None:
    """Write the points that a run lacks; the memory it takes is that of one curve.

    Args:
        client: MLflow's client.
        run: The run as it is.
        metrics: All points of all curves.
        points_per_batch: How many the server takes in one request.
    """
    from mlflow.entities import Metric as MlflowMetric

    run_id, batch = run.info.run_id, list[MlflowMetric]()
    for name, curve in groupby(sorted(metrics, key=attrgetter("name")), key=attrgetter("name")):
        known = _history(client, run_id, name) if name in run.data.metrics else ()
        for point in missing_points(curve, known, run.info.start_time):
            batch.append(MlflowMetric(name, point.value, point.time_ms, point.step))
            if len(batch) == points_per_batch:
                client.log_batch(run_id, metrics=batch)
                batch = []
    if batch:
        client.log_batch(run_id, metrics=batch)


def _history(client: MlflowClient, run_id: str, name: str) -> Iterator[TimedPoint]:
    points: Sequence[MlflowMetric] = client.get_metric_history(run_id, name)
    return (TimedPoint(point.step, point.value, point.timestamp) for point in points)
