"""Watches a container on a site without a worker slot: passes its lines on, comes back when it has ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from dataclasses import asdict, dataclass
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from edge_airflow.hooks.registries import ModelRegistryHook
from edge_airflow.hooks.site import SiteHook
from edge_runner.frames import Point
from edge_training import lifecycle, places, watching
from edge_training.errors import EdgeError, TimeLimit, Transient
from edge_training.ownership import Owner
from edge_training.perseverance import Perseverance
from edge_training.ports.tracking import LiveRun

SHORTEST_WATCH_S = 8.0
"""Airflow's scheduler fails a deferred task that comes back before it has noted the deferral (measured: up to
5 s later on a busy machine), so a trigger fires no earlier than this."""


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

    Args:
        site: The site.
        container: The job's container.
        owner: Who watches it, as a dict; a kill counts only while nobody else watches.
        patience: Limits of the watch, as a dict of `Patience`.
        tracked: Where the job's metrics go, as a dict of `Tracked`; None for nowhere.
    """

    def __init__(
        self,
        site: str,
        container: str,
        owner: Mapping[str, Any],
        patience: Mapping[str, Any],
        tracked: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow leaves this base class untyped
        self.site = site
        self.container = container
        self.owner = Owner(**owner)
        self.patience = Patience(**patience)
        self.tracked = Tracked(**tracked) if tracked else None
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
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch the job to its end, through lost connections."""
        started = time.monotonic()
        event: dict[str, Any] = {}
        try:
            async with asyncio.timeout(self.patience.left_s), await self._live_run() as live:
                sink = Sink(self.log, live)
                await self._perseverance.through(lambda: self._watch(sink))
        except TimeoutError:
            event = await self._out_of_time()
        except EdgeError as error:
            event = ended_by(error)
        await asyncio.sleep(max(0.0, started + SHORTEST_WATCH_S - time.monotonic()))
        yield TriggerEvent(event)

    async def on_kill(self) -> None:
        """Give the job up; it is stopped unless somebody else watches it."""
        await self._give_up("its task was cleared or marked in Airflow")

    async def _watch(self, sink: Sink) -> None:
        """Connect and pass lines on to the end, or to the next loss of the connection."""
        hook = SiteHook(self.site)
        async with await hook.aconnect() as host, await hook.abookmarks() as bookmarks:
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
        tracker = await ModelRegistryHook(self.tracked.conn_id).atracker()
        return tracker.run(self.tracked.model, self.tracked.training_key, self.tracked.tags)

    async def _out_of_time(self) -> dict[str, Any]:
        """Stop the job of a task whose time is over; gives the event."""
        stopped = "It was stopped on the site."
        try:
            await self._give_up("its task ran longer than execution_timeout")
        except Transient as error:
            stopped = f"It could not be stopped ({error}); maintain_site does that once the site answers."
        return ended_by(
            TimeLimit(
                f"{self.container} was still running when its task's execution_timeout was over. {stopped} "
                "Raise execution_timeout, or let the job do less."
            )
        )

    async def _give_up(self, why: str) -> None:
        async with await SiteHook(self.site).aconnect() as host:
            await lifecycle.give_up(host, self.container, self.owner, self.patience.grace_s, why)


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


def ended_by(error: EdgeError) -> dict[str, Any]:
    """The event of a watch that an error ended: its kind, which decides about a retry, and its sentence."""
    return {"error": {"kind": type(error).__name__, "message": str(error)}}
