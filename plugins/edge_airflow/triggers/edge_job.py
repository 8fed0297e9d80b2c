"""Watches a container on a site without a worker slot: passes its lines on, and ends the task of a job that
has ended well; a worker says what has gone wrong.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

from airflow.sdk.execution_time.xcom import XCom
from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

from edge_airflow.hooks.lookups import LOOK_UP_ERRORS
from edge_airflow.hooks.site import SiteHook
from edge_airflow.hooks.task_states import AirflowTaskStates
from edge_airflow.time_limits import TIME_IS_OVER, WatchLimits, given_up, not_given_up, out_of_time
from edge_airflow.tracked import Sink, Tracked, keep_raw_log, live_run, say_stopped
from edge_training import lifecycle, outcomes, ownership, places, watching
from edge_training.errors import (
    EdgeError,
)
from edge_training.ownership import Owner
from edge_training.perseverance import Perseverance
from edge_training.ports.edge_host import EdgeHost
from edge_training.ports.task_states import TaskStates
from edge_training.renewal import renewed
from edge_training.sas import Grant
from edge_training.stages.reconcile import living, task_of

SHORTEST_WATCH_S = 8.0
"""Airflow's scheduler fails a deferred task that comes back to a worker before it has noted the deferral
(measured: up to 5 s later on a busy machine), so a trigger sends none back earlier than this."""
RETURN_VALUE = "return_value"
"""Where Airflow keeps what a task hands on."""
GIVING_UP: set[asyncio.Task[None]] = set()
"""Jobs that are being given up: an event loop forgets tasks that nobody holds."""


class EdgeJobTrigger(BaseTrigger):
    """Fires when the job's container has ended for good, or the watch has lost its patience.

    A task that a trigger sends back to a worker needs a slot of its pool again, and the slots of a busy site
    are taken by jobs that run for hours. So what has ended well ends the task right here.

    Args:
        site: The site.
        container: The job's container.
        owner: Who watches it, as a dict; a kill counts only while nobody else watches.
        limits: What the watch puts up with, as a dict of `WatchLimits`.
        tracked: Where the job's metrics and its raw log go, as a dict of `Tracked`; None for nowhere.
        lineage: What the task hands on beside the job's value; None when a worker has to finish the task.
        grant: What the job may do in the blob store, as a dict of `Grant`; its access is renewed.
    """

    def __init__(
        self,
        site: str,
        container: str,
        owner: Mapping[str, Any],
        limits: Mapping[str, Any],
        tracked: Mapping[str, Any] | None = None,
        lineage: Mapping[str, Any] | None = None,
        grant: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow leaves this base class untyped
        self.site = site
        self.container = container
        self.owner = Owner(**owner)
        self.limits = WatchLimits(**limits)
        self.tracked = Tracked(**tracked) if tracked else None
        self.lineage = dict(lineage) if lineage is not None else None
        self.grant = Grant(**grant) if grant else None
        self.task_states: TaskStates = AirflowTaskStates()
        self.hand_on = hand_on
        self._hook = SiteHook(site)
        self._cursor: watching.Cursor | None = None
        self._perseverance = Perseverance(self.limits.out_of_reach_s, self.log.warning, known=True)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What is needed to go on in another triggerer."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            "site": self.site,
            "container": self.container,
            "owner": asdict(self.owner),
            "limits": asdict(self.limits),
            "tracked": asdict(self.tracked) if self.tracked else None,
            "lineage": self.lineage,
            "grant": asdict(self.grant) if self.grant else None,
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
        GIVING_UP.add(giving_up)
        giving_up.add_done_callback(GIVING_UP.discard)
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
            grace_s, say = self.limits.grace_s, self.log.error
            if not await lifecycle.give_up(host, self.container, self.owner, grace_s, why, say):
                if await ownership.watchers(host, self.container):
                    return
                # maintain_site was faster.
                await lifecycle.stop_unwatched(host, self.container, self.owner, grace_s, why, say)
            await say_stopped(host, self.container, self.owner, self.tracked, "KILLED", self.log)

    async def _ended(self) -> TriggerEvent:
        """Watch the job to its end; gives the event."""
        try:
            async with asyncio.timeout(self.limits.left_s) as limit:
                async with await live_run(self.tracked, self.log) as live:
                    sink = Sink(self.log, live)
                    await self._perseverance.through(lambda: self._watch(sink))
                return await self._perseverance.through(self._taken) or TriggerEvent({})
        except TimeoutError:
            if not limit.expired():
                raise
            return await self._out_of_time()
        except EdgeError as error:
            return ended_by(error)

    async def _watch(self, sink: Sink) -> None:
        """Connect and pass lines on to the end, or to the next loss of the connection."""
        async with await self._hook.aconnect() as host, await self._hook.abookmarks() as bookmarks:
            self._perseverance.in_contact()
            if self._cursor is None:
                self._cursor = await places.left(bookmarks, self.container, self.owner)
            sign = self._hook.asigns(self.grant) if self.grant else None
            watch = watching.watch(
                host, self.container, self.owner, self._cursor, sink, self.limits.most_restarts, sign
            )
            kept = places.kept(bookmarks, self.container, self.owner, self._cursor_now, sink.line)
            async with kept, renewed(host, self.container, sign, sink.line), aclosing(watch):
                async for cursor in watch:
                    self._cursor = cursor
                    self._perseverance.in_contact()

    def _cursor_now(self) -> watching.Cursor:
        return self._cursor or watching.START

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
        try:
            async with await self._hook.aconnect() as host:
                if event := await self._event_of(host):
                    return event
                grace_s, say = self.limits.grace_s, self.log.error
                what = given_up(
                    await lifecycle.give_up(host, self.container, self.owner, grace_s, TIME_IS_OVER, say)
                )
        except EdgeError as error:
            what = not_given_up(error)
        return ended_by(out_of_time(self.container, what))


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
