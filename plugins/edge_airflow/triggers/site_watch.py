"""Watches a site for jobs that nobody will come back for, without a worker slot, and stops them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from airflow.sdk.exceptions import AirflowException, AirflowRuntimeError
from airflow.triggers.base import BaseTrigger, TriggerEvent

from edge_airflow.hooks.maintenance import Premises, entered
from edge_training.errors import EdgeError
from edge_training.stages.reconcile import Reconciler, Stopped

Entrance = Callable[[str], AbstractAsyncContextManager[Premises]]
"""How to get to a site."""


class SiteWatchTrigger(BaseTrigger):
    """Looks at the site again and again; fires when its time is over.

    It lives through everything: a site that cannot be reached or refuses us is looked at again, and
    complained about once. It says something only when it has stopped a job or what is wrong has changed.

    Args:
        site: The site.
        deployment: Which Airflow this is.
        until_s: When its time is over, in seconds since 1970; the same in whichever triggerer it goes on.
        pause_s: Between two looks.
        grace_s: Between SIGTERM and SIGKILL of a job that is stopped.
    """

    def __init__(self, site: str, deployment: str, until_s: float, pause_s: float, grace_s: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow leaves this base class untyped
        self.site = site
        self.deployment = deployment
        self.until_s = until_s
        self.pause_s = pause_s
        self.grace_s = grace_s
        self.entrance: Entrance = entered
        self._trouble = ""
        self._stopped = 0

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What is needed to go on in another triggerer."""
        names = ("site", "deployment", "until_s", "pause_s", "grace_s")
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            name: getattr(self, name) for name in names
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look, pause, look again."""
        while True:
            await self._look()
            left_s = self.until_s - time.time()
            if left_s <= 0:
                break
            await asyncio.sleep(min(self.pause_s, left_s))
        yield TriggerEvent({"stopped": self._stopped})

    async def _look(self) -> None:
        """Stop what nobody waits for."""
        try:
            async with self.entrance(self.site) as found:
                reconciler = Reconciler(
                    found.host, found.inventory, found.tasks, self.deployment, self.grace_s, self._count
                )
                await reconciler.once()
        except (EdgeError, AirflowException, AirflowRuntimeError) as error:
            self._complain(f"{error}")
        else:
            self._complain("")

    def _count(self, job: Stopped) -> None:
        """Say that a job was stopped, and count it."""
        self.log.warning("%s", job)
        self._stopped += 1

    def _complain(self, trouble: str) -> None:
        """Say what is wrong, or that nothing is any more, when that is news."""
        if trouble and trouble != self._trouble:
            again = f"orphaned jobs are looked for again every {self.pause_s:g} s"
            self.log.warning("%s; %s.", trouble.rstrip("."), again)
        elif self._trouble and not trouble:
            self.log.info("The site %s answers again.", self.site)
        self._trouble = trouble
