"""One run per training in Azure Machine Learning, also when many look for it and make it at the same time.

Run history lets the client name a run, and writes to it by name, made or not. So the name follows from model
and training key, and everybody who makes the run makes the same one. Points of metrics have ids of their own
likewise: sent again, a point is the point that is there.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import groupby, islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final
from uuid import NAMESPACE_URL, uuid5

from edge_runner.frames import Point
from edge_training.adapters.azureml_computes import SiteCompute
from edge_training.adapters.azureml_faults import is_status
from edge_training.adapters.azureml_limits import POINTS_PER_BATCH, cut, require_name
from edge_training.adapters.azureml_session import AzureMlSession
from edge_training.adapters.mlflow_runs import of_training
from edge_training.errors import ModelRegistryRefused
from edge_training.ports.model_registry import STATE_TAG, TRAINING_KEY_TAG

if TYPE_CHECKING:
    from azureml._restclient.models import MetricV2Dto

    from edge_training.adapters.azureml_client import AzureMlClient

log = logging.getLogger(__name__)

COMPUTE_TAG: Final = "compute_target"
RUNNING, FINISHED, FAILED, KILLED = "RUNNING", "FINISHED", "FAILED", "KILLED"
STATUSES: Final = {"Completed": FINISHED, "Failed": FAILED, "Canceled": KILLED}
"""The words of `RunTracker` for the service's; every other state is on the way to one of these."""


@dataclass(frozen=True)
class TrainingRun:
    """A training's run.

    Attributes:
        run_id: Its id.
        experiment: Its experiment, which is called like the model.
        container: Where its artifacts are, `dataContainerId`.
        status: How it stands, in the words of `RunTracker`.
        has_started: Whether that was ever said.
        tags: Its tags.
        properties: What was written once.
    """

    run_id: str
    experiment: str
    container: str
    status: str
    has_started: bool
    tags: Mapping[str, str]
    properties: Mapping[str, str]

    @property
    def is_registered(self) -> bool:
        """Whether a version was completed from it."""
        return STATE_TAG in self.tags


class AzureMlRuns:
    """The runs of a workspace while trainings go on; every call is safe to repeat.

    Every call may raise `ModelRegistryUnavailable` (try again) or `ModelRegistryRefused` (do not).
    """

    def __init__(self, session: AzureMlSession, site_compute: SiteCompute | None = None) -> None:
        """Use a workspace; nothing is sent yet.

        Args:
            session: The workspace.
            site_compute: The machine that trainings run on.
        """
        self._session = session
        self._site_compute = site_compute

    def training_run(
        self, model_name: str, training_key: str, tags: Mapping[str, str]
    ) -> tuple[str, str, bool]:
        """The one run of a training, found or made.

        Args:
            model_name: The model's name, which is the experiment's.
            training_key: The identity of the training.
            tags: What a run that has to be made is marked with.

        Returns:
            Its id, how it stands, and whether a version was completed from it.
        """
        require_name(model_name)
        target = self._site_compute.attached_name() if self._site_compute else None
        run = self._session.call(lambda client: ensure_run(client, model_name, training_key, tags, target))
        return run.run_id, run.status, run.is_registered

    def log_points(self, run_id: str, points: Sequence[Point]) -> None:
        """Write points; those that the run has already change nothing."""
        self._session.call(lambda client: write_points(client, run_id, points))

    def set_status(self, run_id: str, status: str) -> None:
        """Say how a run stands: `RUNNING`, `FAILED` or `KILLED`."""

        def move(client: AzureMlClient) -> None:
            found = client.run(run_id)
            if found is None:
                raise ModelRegistryRefused(f"The run {run_id} is gone from Azure Machine Learning.")
            experiment = client.experiment_by_id(found.experiment_id).name
            move_to(client, _training_run(found, experiment), status)

        self._session.call(move)


def ensure_run(
    client: AzureMlClient,
    model_name: str,
    training_key: str,
    tags: Mapping[str, str],
    compute_target: str | None,
) -> TrainingRun:
    """The one run of a training, found or made, and running unless it has ended."""
    run_id = id_of_run(model_name, training_key)
    found = client.run(run_id)
    if found is None:
        if client.experiment(model_name) is None:
            client.create_experiment(model_name)
        target = {COMPUTE_TAG: compute_target} if compute_target else {}
        found = client.write_run(
            model_name,
            run_id,
            display_name=of_training(training_key, tags).run_name,
            target=compute_target,
            tags=cut({**tags, **target, TRAINING_KEY_TAG: training_key}),
            properties={TRAINING_KEY_TAG: training_key},
        )
    run = _training_run(found, model_name)
    if not run.has_started:
        move_to(client, run, RUNNING)
    return run


def id_of_run(model_name: str, training_key: str) -> str:
    """The id of a training's run; no other run of the workspace has it."""
    return f"train-{sha256(f'{model_name}/{training_key}'.encode()).hexdigest()[:40]}"


def move_to(client: AzureMlClient, run: TrainingRun, status: str) -> None:
    """Say how a run stands, unless it does so already.

    A service that lets no ended run be moved is left with its opinion: it is shown to people, and nothing
    depends on it.
    """
    from msrest.exceptions import HttpOperationError

    if run.has_started and run.status == status:
        return
    try:
        client.post_event(run.experiment, run.run_id, _event(run.run_id, status))
    except HttpOperationError as error:
        if not is_status(error, 400, 409):
            raise
        log.warning(
            "Azure Machine Learning leaves run %s %s; it should be %s.", run.run_id, run.status, status
        )


def write_points(client: AzureMlClient, run_id: str, points: Iterable[Point]) -> None:
    """Write points of curves, in as many requests as there must be; infinity and NaN cannot be kept."""
    finite = sorted((point for point in points if math.isfinite(point.value)), key=attrgetter("name"))
    for batch in batches(finite):
        client.post_metrics(
            run_id,
            [_curve(run_id, name, list(rows)) for name, rows in groupby(batch, attrgetter("name"))],
        )


def batches(points: Iterable[Point]) -> Iterator[list[Point]]:
    """Points in as many lists as there must be requests."""
    left = iter(points)
    while batch := list(islice(left, POINTS_PER_BATCH)):
        yield batch


def id_of_point(run_id: str, point: Point) -> str:
    """The id of a point: the same for the same run, metric, step and value, whoever writes it and when."""
    return str(uuid5(NAMESPACE_URL, f"{run_id}/{point.name}/{point.step}/{point.value!r}"))


def _curve(run_id: str, name: str, points: Sequence[Point]) -> MetricV2Dto:
    """Points of one metric, as `ScalarMetric.create_v2_dto` of azureml-core writes them."""
    from azureml._restclient.models import MetricProperties, MetricV2Dto, MetricV2Value

    rows = [
        MetricV2Value(
            metric_id=id_of_point(run_id, point),
            created_utc=datetime.fromtimestamp(point.time_ms / 1000, UTC),
            step=point.step,
            data={name: point.value},
        )
        for point in points
    ]
    scalar = MetricProperties(ux_metric_type="azureml.v1.scalar")
    return MetricV2Dto(name=name, columns={name: "double"}, value=rows, properties=scalar)


def _event(run_id: str, status: str) -> Any:
    """The event that moves a run, as azureml-core words it."""
    from azureml._restclient.contracts import events

    make = {
        RUNNING: events.create_start_event,
        FINISHED: events.create_completed_event,
        FAILED: events.create_failed_event,
        KILLED: events.create_canceled_event,
    }
    return make[status](run_id)


def _training_run(found: Any, experiment: str) -> TrainingRun:
    return TrainingRun(
        run_id=found.run_id,
        experiment=experiment,
        container=found.data_container_id or f"dcid.{found.run_id}",
        status=STATUSES.get(found.status, RUNNING),
        has_started=found.status != "NotStarted",
        tags=dict(found.tags or {}),
        properties=dict(found.properties or {}),
    )
