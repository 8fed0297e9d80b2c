"""One try of a task at its job, from a worker: start or adopt it, follow it, give it up; all of it again
through lost connections.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeVar

from edge_airflow.hooks.site import SiteHook
from edge_airflow.time_limits import WatchLimits, given_up, not_given_up
from edge_airflow.tracked import Sink, Tracked, say_stopped
from edge_training import lifecycle, watching
from edge_training.errors import EdgeError, SecretsNeeded
from edge_training.jobs import EdgeJob
from edge_training.ownership import Owner
from edge_training.perseverance import Perseverance
from edge_training.ports.edge_host import ContainerState, EdgeHost
from edge_training.ports.tracking import RunStatus
from edge_training.renewal import renewed
from edge_training.sas import Grant

T = TypeVar("T")
BeforeStart = Callable[[EdgeHost], Awaitable[None]]
"""What is looked at before a job is started that nobody has started yet."""
DELIVERY_PAUSE_S = 1.0


class OutOfTime(Exception):
    """The task's time is over, and its job's is not."""


class Attempt:
    """A try at a job.

    Args:
        hook: The site.
        job_name: The job's container.
        owner: Who watches it.
        limits: What the try puts up with.
        log: The task's log.
        tracked: The job's run in the model registry, if it has one.
    """

    def __init__(
        self,
        hook: SiteHook,
        job_name: str,
        owner: Owner,
        limits: WatchLimits,
        log: Any,
        tracked: Tracked | None = None,
    ) -> None:
        self.hook = hook
        self.job_name = job_name
        self.owner = owner
        self.limits = limits
        self.log = log
        self.tracked = tracked
        self._perseverance = Perseverance(limits.out_of_reach_s, log.warning)
        self._cursor = watching.START
        self._deliveries = 0

    def on_site(self, work: Callable[[EdgeHost], Awaitable[T]]) -> T:
        """Do work on the site, again whenever the connection is lost: all of it looks before it acts.

        Raises:
            OutOfTime: The task's time is over.
        """

        async def connected() -> T:
            async with self.hook.connect() as host:
                self._perseverance.in_contact()
                return await work(host)

        async def in_time() -> T:
            try:
                async with asyncio.timeout(self.limits.left_s) as limit:
                    return await self._perseverance.through(connected)
            except TimeoutError:
                if limit.expired():
                    raise OutOfTime from None
                raise

        return asyncio.run(in_time())

    async def ensure_started(self, host: EdgeHost, job: EdgeJob, before_start: BeforeStart) -> ContainerState:
        """Start or adopt the job; secrets that did not arrive are delivered again."""
        while True:
            try:
                state = await lifecycle.ensure_started(host, job, self.owner, lambda: before_start(host))
            except SecretsNeeded as error:
                self._deliver_again(error)
                await asyncio.sleep(DELIVERY_PAUSE_S)
            else:
                self.log.info("%s on %s is %s.", job.name, self.hook.site_name, state.status)
                return state

    async def run_to_end(self, host: EdgeHost, job: EdgeJob, before_start: BeforeStart) -> None:
        """Start or adopt the job and follow it; one that needs its secrets again is given them."""
        while True:
            await self.ensure_started(host, job, before_start)
            try:
                return await self._follow(host, job.grant)
            except SecretsNeeded as error:
                self._deliver_again(error)

    def give_up(self, why: str, status: RunStatus) -> str:
        """Stop the job unless somebody else waits for it; gives a sentence on what came of it.

        Args:
            why: What people read about it on the site.
            status: How its run in the model registry stands once it is stopped.
        """
        # In a thread of its own, which has no event loop yet: this one may be in the midst of one.
        sentences: list[str] = []
        stopper = threading.Thread(target=lambda: asyncio.run(self._give_up(why, status, sentences.append)))
        stopper.start()
        stopper.join(self.limits.grace_s * 2)
        return sentences[0] if sentences else "The site takes long to stop it; maintain_site looks after it."

    async def _follow(self, host: EdgeHost, grant: Grant | None) -> None:
        sign = self.hook.signs(grant) if grant else None
        watch = watching.watch(
            host, self.job_name, self.owner, self._cursor, Sink(self.log), self.limits.most_restarts, sign
        )
        async with renewed(host, self.job_name, sign, self.log.warning), aclosing(watch):
            async for cursor in watch:
                self._cursor = cursor
                self._perseverance.in_contact()

    def _deliver_again(self, error: SecretsNeeded) -> None:
        """Count and say it; raises the error when it was too often."""
        if self._deliveries >= self.limits.most_restarts:
            raise error
        self._deliveries += 1
        self.log.warning("%s", error)

    async def _give_up(self, why: str, status: RunStatus, tell: Callable[[str], None]) -> None:
        job_name, owner, grace_s, log = self.job_name, self.owner, self.limits.grace_s, self.log
        try:
            async with self.hook.connect() as host:
                was_stopped = await lifecycle.give_up(host, job_name, owner, grace_s, why, log.error)
                tell(given_up(was_stopped))
                if was_stopped:
                    await say_stopped(host, job_name, owner, self.tracked, status, log)
        except EdgeError as error:
            tell(not_given_up(error))
