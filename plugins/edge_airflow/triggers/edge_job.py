"""Watches a container on a site without a worker slot: passes its lines on, comes back when it has ended."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from edge_airflow.hooks.site import SiteHook
from edge_training.errors import EdgeError, Final, JobInterrupted, Transient
from edge_training.jobs import follow, stop_if_owned

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 8.0
SHORTEST_WATCH_S = 8.0
"""Airflow's scheduler fails a deferred task that comes back before it has noted the deferral (measured: up to
5 s later on a busy machine), so a trigger fires no earlier than this."""


class EdgeJobTrigger(BaseTrigger):
    """Fires when the job's container has ended, or the site has been out of reach for too long.

    Args:
        site: The site.
        container: The job's container.
        owner: Who watches it; a kill counts only while nobody else has taken over.
        grace_s: Between SIGTERM and SIGKILL when the task is killed.
        out_of_reach_limit_s: How long the site may be out of reach.
    """

    def __init__(
        self, site: str, container: str, owner: str, grace_s: int, out_of_reach_limit_s: int
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow leaves this base class untyped
        self.site = site
        self.container = container
        self.owner = owner
        self.grace_s = grace_s
        self.out_of_reach_limit_s = out_of_reach_limit_s
        self._since = ""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What is needed to go on in another triggerer."""
        names = ("site", "container", "owner", "grace_s", "out_of_reach_limit_s")
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            name: getattr(self, name) for name in names
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Follow the job, through lost connections."""
        started = time.monotonic()
        pause_s, last_contact = FIRST_PAUSE_S, started
        while True:
            try:
                async for _ in self._follow():
                    pause_s, last_contact = FIRST_PAUSE_S, time.monotonic()
            except (JobInterrupted, Final) as error:
                yield ended_by(error)
                return
            except Transient as error:
                self.log.warning("%s", error)
                if time.monotonic() - last_contact > self.out_of_reach_limit_s:
                    limit_s = self.out_of_reach_limit_s
                    yield ended_by(type(error)(f"{error} It was out of reach for more than {limit_s} s."))
                    return
            else:
                await asyncio.sleep(max(0.0, started + SHORTEST_WATCH_S - time.monotonic()))
                yield TriggerEvent({})
                return
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _follow(self) -> AsyncIterator[None]:
        """Connect and pass lines on; yields at every sign of life."""
        async with await SiteHook(self.site).aconnect() as host:
            yield
            async for stamp in follow(host, self.container, self._since, self.log.info):
                self._since = stamp
                yield

    async def on_kill(self) -> None:
        """Stop the container unless a newer try of the task has adopted it."""
        async with await SiteHook(self.site).aconnect() as host:
            await stop_if_owned(host, self.container, self.owner, self.grace_s)


def ended_by(error: EdgeError) -> TriggerEvent:
    """The event of a watch that an error ended: its kind, which decides about a retry, and its sentence."""
    return TriggerEvent({"error": {"kind": type(error).__name__, "message": str(error)}})
