"""Watches a container on a site without a worker slot: passes its lines on, and ends the task of a job that
has ended well; a worker says what has gone wrong.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from dataclasses import asdict, dataclass
from typing import Any

from airflow.sdk.execution_time.xcom import XCom
from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent
from asgiref.sync import sync_to_async

from edge_airflow.hooks.registries import ModelRegistryHook
from edge_airflow.hooks.site import LOOK_UP_ERRORS, SiteHook
from edge_airflow.hooks.task_states import AirflowTaskStates
from edge_runner.frames import Point
from edge_training import lifecycle, outcomes, ownership, places, watching
from edge_training.errors import (
    EdgeError,
    JobInterrupted,
    ModelRegistryRefused,
    ModelRegistryUnavailable,
    TimeLimit,
)
from edge_training.ownership import Owner
from edge_training.perseverance import Perseverance
from edge_training.ports.edge_host import EdgeHost
from edge_training.ports.task_states import TaskStates
from edge_training.ports.tracking import LiveRun
from edge_training.stages import raw_log
from edge_training.stages.reconcile import living, task_of

SHORTEST_WATCH_S = 8.0
"""Airflow's scheduler fails a deferred task that comes back to a worker before it has noted the deferral
(measured: up to 5 s later on a busy machine), so a trigger sends none back earlier than this."""
RETURN_VALUE = "return_value"
"""Where Airflow keeps what a task hands on."""
UNFINISHED: set[asyncio.Task[None]] = set()
"""Jobs that are being given up: an event loop forgets tasks that nobody holds."""


@dataclass(frozen=True)
class Patience:
    """How much a watch puts up with.

    Attributes:
        out_of_reach_s: How long the site may be out of reach.
        most_restarts: How often an interrupted container is started again.
        grace_s: Between SIGTERM and SIGKILL when the job is given up.
        deadline: When the task's time is over, in seconds since 1970; None for never.
    """

    out_of_reach_s: float = 24 * 3600.0
    most_restarts: int = 5
    grace_s: int = 20
    deadline: float | None = None

    @property
    def left_s(self) -> float | None:
        """How long the task may still take."""
        return None if self.deadline is None else max(0.0, self.deadline - time.time())


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


class EdgeJobTrigger(BaseTrigger):
    """Fires when the job's container has ended for good, or the watch has lost its patience.

    A task that a trigger sends back to a worker needs a slot of its pool again, and the slots of a busy site
    are taken by jobs that run for hours. So what has ended well ends the task right here.

    Args:
        site: The site.
        container: The job's container.
        owner: Who watches it, as a dict; a kill counts only while nobody else watches.
        patience: Limits of the watch, as a dict of `Patience`.
        tracked: Where the job's metrics and its raw log go, as a dict of `Tracked`; None for nowhere.
        lineage: What the task hands on beside the job's value; None when a worker has to finish the task.
    """

    def __init__(
        self,
        site: str,
        container: str,
        owner: Mapping[str, Any],
        patience: Mapping[str, Any],
        tracked: Mapping[str, Any] | None = None,
        lineage: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow leaves this base class untyped
        self.site = site
        self.container = container
        self.owner = Owner(**owner)
        self.patience = Patience(**patience)
        self.tracked = Tracked(**tracked) if tracked else None
        self.lineage = dict(lineage) if lineage is not None else None
        self.task_states: TaskStates = AirflowTaskStates()
        self.hand_on = hand_on
        self._hook = SiteHook(site)
        self._cursor: watching.Cursor | None = None
        self._perseverance = Perseverance(self.patience.out_of_reach_s, self.log.warning)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What is needed to go on in another triggerer."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            "site": self.site,
            "container": self.container,
            "owner": asdict(self.owner),
            "patience": asdict(self.patience),
            "tracked": asdict(self.tracked) if self.tracked else None,
            "lineage": self.lineage,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch the job to its end, through lost connections."""
        started = time.monotonic()
        event = await self._ended()
        if not isinstance(event, TaskSuccessEvent):
            await asyncio.sleep(max(0.0, started + SHORTEST_WATCH_S - time.monotonic()))
        yield event

    async def on_kill(self) -> None:
        """Give the job up, to the end: Airflow cancels this call again each second (3.3.2, source)."""
        giving_up = asyncio.create_task(self._give_up_if_over())
        UNFINISHED.add(giving_up)
        giving_up.add_done_callback(UNFINISHED.discard)
        await asyncio.shield(giving_up)

    async def _give_up_if_over(self) -> None:
        """Give the job up when its task will not come back; it is stopped unless somebody else watches it.

        The next try of a cleared task adopts the job. A triggerer that was silent for a while loses its
        triggers to another one, which watches the jobs of tasks still deferred, and takes that for a kill.
        """
        if await living(self.task_states, [task_of(self.owner)]):
            return
        why = "its task was marked, or its run was ended, in Airflow"
        async with await self._hook.aconnect() as host:
            grace_s, say = self.patience.grace_s, self.log.error
            if await lifecycle.give_up(host, self.container, self.owner, grace_s, why, say):
                return
            if not await ownership.watchers(host, self.container):  # maintain_site was faster
                say(await lifecycle.stop_sentence(host, self.container))

    async def _ended(self) -> TriggerEvent:
        """Watch the job to its end; gives the event."""
        try:
            async with asyncio.timeout(self.patience.left_s):
                async with await self._live_run() as live:
                    sink = Sink(self.log, live)
                    await self._perseverance.through(lambda: self._watch(sink))
                return await self._perseverance.through(self._taken) or TriggerEvent({})
        except TimeoutError:
            return await self._out_of_time()
        except EdgeError as error:
            return ended_by(error)

    async def _watch(self, sink: Sink) -> None:
        """Connect and pass lines on to the end, or to the next loss of the connection."""
        async with await self._hook.aconnect() as host, await self._hook.abookmarks() as bookmarks:
            if self._cursor is None:
                self._cursor = await places.left(bookmarks, self.container, self.owner)
            watch = watching.watch(
                host, self.container, self.owner, self._cursor, sink, self.patience.most_restarts
            )
            kept = places.kept(bookmarks, self.container, self.owner, self._cursor_now, sink.line)
            async with kept, aclosing(watch):
                async for cursor in watch:
                    self._cursor = cursor
                    self._perseverance.in_contact()

    def _cursor_now(self) -> watching.Cursor:
        return self._cursor or watching.START

    async def _live_run(self) -> AbstractAsyncContextManager[LiveRun | None]:
        if self.tracked is None:
            return nullcontext()
        try:
            tracker = await ModelRegistryHook(self.tracked.conn_id).atracker()
        except LOOK_UP_ERRORS as error:
            self.log.warning("No metrics are forwarded while the training runs: %s", error)
            return nullcontext()
        return tracker.run(self.tracked.model, self.tracked.training_key, self.tracked.tags)

    async def _taken(self) -> TriggerEvent | None:
        """The event of a job that has ended well; None for any other."""
        async with await self._hook.aconnect() as host:
            return await self._event_of(host)

    async def _event_of(self, host: EdgeHost) -> TriggerEvent | None:
        state = await outcomes.existing(host, self.container)
        if await outcomes.phase(host, state) != "succeeded":
            return None
        if self.lineage is None:
            return TriggerEvent({})
        if self.tracked is not None:
            await keep_raw_log(host, self.container, self.tracked, self.log)
        value = {"job": self.container, **self.lineage, **await outcomes.collect(host, self.container)}
        try:
            await self.hand_on(self.owner, value)
        except LOOK_UP_ERRORS as error:
            self.log.warning("A worker has to hand the result on: %s", error)
            return TriggerEvent({})
        return TaskSuccessEvent()

    async def _out_of_time(self) -> TriggerEvent:
        """Stop the job of a task whose time is over, unless it has ended well meanwhile; gives the event."""
        stopped, why = "It was stopped on the site.", "its task ran longer than execution_timeout"
        try:
            async with await self._hook.aconnect() as host:
                if event := await self._event_of(host):
                    return event
                await lifecycle.give_up(host, self.container, self.owner, self.patience.grace_s, why)
        except EdgeError as error:
            stopped = f"It could not be stopped ({error}); maintain_site does that once the site answers."
        return ended_by(
            TimeLimit(
                f"{self.container} was still running when its task's execution_timeout was over. {stopped} "
                "Raise execution_timeout, or let the job do less."
            )
        )


@dataclass(frozen=True)
class Sink:
    """What the job says goes to the task's log, its metrics to the registry."""

    log: Any
    live: LiveRun | None

    def line(self, text: str) -> None:
        """See `watching.Sink`."""
        self.log.info(text)

    def point(self, point: Point) -> None:
        """See `watching.Sink`."""
        if self.live is not None:
            self.live.log([point])


def ended_by(error: EdgeError) -> TriggerEvent:
    """The event of a watch that an error ended: its kind, which decides about a retry, and its sentence."""
    return TriggerEvent({"error": {"kind": type(error).__name__, "message": str(error)}})


async def hand_on(owner: Owner, value: Mapping[str, Any]) -> None:
    """Leave a task's value where its worker would have left it.

    Airflow encodes an XCom of a `TaskSuccessEvent` twice: the next task reads JSON text (3.3.2, measured).
    """
    await XCom.aset(
        RETURN_VALUE,
        dict(value),
        dag_id=owner.dag_id,
        task_id=owner.task_id,
        run_id=owner.run_id,
        map_index=owner.map_index,
    )


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
    except (JobInterrupted, ModelRegistryUnavailable, ModelRegistryRefused, *LOOK_UP_ERRORS) as error:
        log.warning("The raw log stays on the site: %s", error)
        return
    if kept:
        log.info(
            "The raw log (%d bytes, sha256 %s) is an artifact of the run.",
            kept.log_size_bytes,
            kept.log_sha256,
        )
