"""A training's run in the model registry, beside the training itself: metrics while it runs, its raw log
afterwards, its bad end. What the registry cannot take now is said and fails no training.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from asgiref.sync import sync_to_async

from edge_airflow.hooks.lookups import LOOK_UP_ERRORS
from edge_airflow.hooks.registries import ModelRegistryHook
from edge_runner.frames import Point
from edge_training import ownership
from edge_training.errors import (
    BadRequest,
    JobInterrupted,
    ModelRegistryRefused,
    ModelRegistryUnavailable,
    ProtocolMismatch,
    StepCrashed,
)
from edge_training.ownership import Owner
from edge_training.ports.edge_host import EdgeHost
from edge_training.ports.tracking import LiveRun, RunStatus
from edge_training.stages import raw_log

REGISTRY_ERRORS = (
    BadRequest,
    ModelRegistryRefused,
    ModelRegistryUnavailable,
    ProtocolMismatch,
    StepCrashed,
    *LOOK_UP_ERRORS,
)
"""A connection that lacks a field or cannot be looked up, a registry that does not take what it is given, a
fault in its client.
"""
FAREWELL_S = 30.0
"""How long the last word of a training that has ended badly to the model registry may take."""


@dataclass(frozen=True)
class Tracked:
    """The run of a training in the model registry.

    Attributes:
        conn_id: The registry.
        model: The model's name.
        training_key: The identity of the training.
        tags: What a run that has to be made is marked with.
    """

    conn_id: str
    model: str
    training_key: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Sink:
    """What the job says goes to the task's log, its metrics to the registry."""

    log: Any
    live: LiveRun | None = None

    def line(self, text: str) -> None:
        """See `watching.Sink`."""
        self.log.info(text)

    def point(self, point: Point) -> None:
        """See `watching.Sink`."""
        if self.live is not None:
            self.live.log([point])


async def live_run(tracked: Tracked | None, log: Any) -> AbstractAsyncContextManager[LiveRun | None]:
    """Where a running training's metrics go; nowhere when there is no registry for them."""
    if tracked is None:
        return nullcontext()
    try:
        tracker = await ModelRegistryHook(tracked.conn_id).atracker()
    except REGISTRY_ERRORS as error:
        log.warning("No metrics are forwarded while the training runs: %s", error)
        return nullcontext()
    return tracker.run(tracked.model, tracked.training_key, tracked.tags)


async def keep_raw_log(host: EdgeHost, job_name: str, tracked: Tracked, log: Any) -> None:
    """Make a training's raw log an artifact of its run; one that cannot be kept now stays on the site.

    Args:
        host: The site.
        job_name: The training's container.
        tracked: Its run.
        log: Is told.
    """
    try:
        # In a thread, where the same call works in a task and in a trigger.
        archive = await sync_to_async(ModelRegistryHook(tracked.conn_id).log_archive)()
        kept = await raw_log.keep(host, job_name, archive, tracked.model, tracked.training_key)
    except (JobInterrupted, OSError, *REGISTRY_ERRORS) as error:  # OSError: no room here for its copy
        log.warning("The raw log stays on the site: %s", error)
        return
    if kept:
        log.info(
            "The raw log (%d bytes, sha256 %s) is an artifact of the run.",
            kept.log_size_bytes,
            kept.log_sha256,
        )


async def say_ended(tracked: Tracked, status: RunStatus, log: Any) -> None:
    """Say in the model registry how the training has ended; from a worker or a trigger."""
    try:
        tracker = await sync_to_async(ModelRegistryHook(tracked.conn_id).tracker)()
        run = tracker.run(tracked.model, tracked.training_key, tracked.tags, farewell_s=FAREWELL_S)
        async with run as live:
            live.end(status)
    except REGISTRY_ERRORS as error:
        log.warning("The model registry does not know that the training is %s: %s", status, error)


async def say_stopped(
    host: EdgeHost, job_name: str, owner: Owner, tracked: Tracked | None, status: RunStatus, log: Any
) -> None:
    """Say in the model registry that the training was stopped, unless somebody has taken it up meanwhile.

    Args:
        host: The site.
        job_name: The training's container.
        owner: Who has given it up.
        tracked: Its run; None for a job that has none.
        status: How the run stands now.
        log: Is told.
    """
    if tracked is not None and not set(await ownership.watchers(host, job_name)) - {owner}:
        await say_ended(tracked, status, log)
