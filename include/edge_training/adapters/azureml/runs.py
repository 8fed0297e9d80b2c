"""One run per training, and per check of data, in Azure Machine Learning, also when many look for it and make
it at the same time.

Run history lets the client name a run, and writes to it by name, made or not. So the name follows from the
model and from what the run is known by, and everybody who makes the run makes the same one. Points of metrics
have ids of their own likewise: sent again, a point is the point that is there.
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
from edge_training.adapters.azureml.computes import SiteCompute, attached_name
from edge_training.adapters.azureml.faults import is_status, said
from edge_training.adapters.azureml.files import container_of
from edge_training.adapters.azureml.limits import POINTS_PER_BATCH, cut, require_name
from edge_training.adapters.azureml.session import AzureMlSession
from edge_training.adapters.run_layout import RunIdentity, of_training
from edge_training.errors import RequestRejected
from edge_training.ports.model_registry import STATE_TAG
from edge_training.ports.tracking import RunStatus, TrainingRun

if TYPE_CHECKING:
    from azureml._restclient.models import MetricV2Dto

    from edge_training.adapters.azureml.client import AzureMlClient

log = logging.getLogger(__name__)

COMPUTE_TAG: Final = "compute_target"
RUNNING, FINISHED, FAILED, KILLED = "RUNNING", "FINISHED", "FAILED", "KILLED"
STATUSES: Final = {"Completed": FINISHED, "Failed": FAILED, "Canceled": KILLED}
"""MLflow's words for the service's; every other state is on the way to one of these."""


@dataclass(frozen=True)
class KnownRun:
    """A run as the service has it.

    Attributes:
        run_id: Its id.
        experiment: Its experiment, which is called like the model.
        container: Where its artifacts are, `dataContainerId`.
        status: How it stands, in MLflow's words.
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
    def is_complete(self) -> bool:
        """Whether everything that belongs to it was written."""
        return STATE_TAG in self.tags


class AzureMlRuns:
    """A workspace; implements `TrainingRuns`."""

    def __init__(self, session: AzureMlSession, site_compute: SiteCompute | None = None) -> None:
        """Use a workspace; nothing is sent yet.

        Args:
            session: The workspace.
            site_compute: The machine that trainings run on.
        """
        self._session = session
        self._site_compute = site_compute

    def training_run(self, model_name: str, training_key: str, tags: Mapping[str, str]) -> TrainingRun:
        """See `TrainingRuns.training_run`."""
        target = attached_name(self._site_compute)
        run = self._session.call(
            lambda client: ensure_run(client, model_name, of_training(training_key, tags), tags, target)
        )
        return TrainingRun(run.run_id, run.status, run.is_complete)

    def log_points(self, run_id: str, points: Sequence[Point]) -> None:
        """See `TrainingRuns.log_points`."""
        self._session.call(lambda client: write_points(client, run_id, points))

    def set_status(self, run_id: str, status: RunStatus) -> None:
        """See `TrainingRuns.set_status`."""

        def move(client: AzureMlClient) -> None:
            found = client.run(run_id)
            if found is None:
                raise RequestRejected(
                    f"The run {run_id} is gone from Azure Machine Learning; clear the training's task."
                )
            experiment = client.experiment_by_id(found.experiment_id).name
            move_to(client, _known_run(found, experiment), status)

        self._session.call(move)


def ensure_run(
    client: AzureMlClient,
    model_name: str,
    identity: RunIdentity,
    tags: Mapping[str, str],
    compute_target: str | None = None,
) -> KnownRun:
    """The one run of an identity, found or made, and running unless it has ended.

    Args:
        client: The workspace.
        model_name: The model's name, which is the experiment's.
        identity: What the run is known by.
        tags: What a run that has to be made is marked with.
        compute_target: The attached machine that it runs on.
    """
    require_name(model_name)
    run_id = id_of_run(model_name, identity)
    found = client.run(run_id)
    if found is None:
        if client.experiment(model_name) is None:
            client.create_experiment(model_name)
        target = {COMPUTE_TAG: compute_target} if compute_target else {}
        found = client.write_run(
            model_name,
            run_id,
            display_name=identity.run_name,
            target=compute_target,
            tags=cut({**tags, **target, identity.tag: identity.value}),
            properties={identity.tag: identity.value},
        )
    run = _known_run(found, model_name)
    if not run.has_started:
        move_to(client, run, RUNNING)
    return run


def id_of_run(model_name: str, identity: RunIdentity) -> str:
    """The id of the run of an identity; no other run of the workspace has it."""
    known_by = f"{model_name}/{identity.tag}/{identity.value}"
    return f"edge-{sha256(known_by.encode()).hexdigest()[:40]}"


def move_to(client: AzureMlClient, run: KnownRun, status: str) -> None:
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
    """Write points of curves, in as many requests as there must be; infinity and NaN cannot be kept.

    Raises:
        RequestRejected: The run is gone, or one of the points is bad.
    """
    from msrest.exceptions import HttpOperationError

    finite = sorted((point for point in points if math.isfinite(point.value)), key=attrgetter("name"))
    for batch in batches(finite):
        curves = [_curve(run_id, name, list(rows)) for name, rows in groupby(batch, attrgetter("name"))]
        try:
            client.post_metrics(run_id, curves)
        except HttpOperationError as error:
            if not is_status(error, 400, 404):
                raise
            raise RequestRejected(
                f"Azure Machine Learning refuses points of run {run_id} ({said(error)}); log fewer metrics, "
                "or under other names."
            ) from error


def missing(client: AzureMlClient, run_id: str, points: Iterable[Point]) -> list[Point]:
    """Those points that a run does not have, whenever they were written."""
    wanted = list(points)
    known = {
        (name, row.step, row.data[name])
        for name in client.metric_names(run_id) & {point.name for point in wanted}
        for row in client.metric_rows(run_id, name)
    }
    return [point for point in wanted if (point.name, point.step, point.value) not in known]


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


def _known_run(found: Any, experiment: str) -> KnownRun:
    return KnownRun(
        run_id=found.run_id,
        experiment=experiment,
        container=container_of(found),
        status=STATUSES.get(found.status, RUNNING),
        has_started=found.status != "NotStarted",
        tags=dict(found.tags or {}),
        properties=dict(found.properties or {}),
    )
