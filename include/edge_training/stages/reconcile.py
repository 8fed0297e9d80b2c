"""reconcile: stop the jobs on a site that nobody will come back for.

A task that is killed stops its job itself, but not while its triggerer or the link to the site is down. So
the site's running jobs are compared with what the scheduler knows: a watcher whose task has ended gives the
job up, and a job without watchers is stopped. A job that does not run, but has leased a GPU, is given up
likewise, so that others get the GPU. A watcher of another Airflow is left alone: only that one knows its
state.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from edge_training import lifecycle, ownership
from edge_training.errors import JobInterrupted
from edge_training.ownership import Owner, Record
from edge_training.ports.edge_host import EdgeHost
from edge_training.ports.site_inventory import SiteContainer, SiteInventory
from edge_training.ports.task_states import RunRef, TaskRef, TaskStates

CLAIM_LIMIT = timedelta(minutes=1)
"""How long a job's creator may take from creating its container to claiming it."""
AT_A_TIME = 50
"""Jobs that are looked into, or waited for while they stop, side by side."""
ENDED = frozenset({"success", "failed", "removed", "upstream_failed", "skipped"})
"""States that no next try follows. Any other one, also one of a later Airflow, may come back for its job."""


@dataclass(frozen=True)
class Verdict:
    """What is to be done about one job.

    Attributes:
        dead: Watchers that will not come back and have not given the job up.
        orphaned: Whether nobody will come for it.
    """

    dead: tuple[Owner, ...]
    orphaned: bool


@dataclass(frozen=True)
class Stopped:
    """A job that was stopped, and who had watched it, for people."""

    job: str
    watchers: tuple[str, ...]

    def __str__(self) -> str:
        watched = " and ".join(self.watchers) or "nobody, ever"
        return f"Stopped {self.job}: nobody waits for it any more; it was watched by {watched}."


@dataclass(frozen=True)
class Reconciler:
    """Looks after the busy jobs of one site for one Airflow.

    Attributes:
        host: The site.
        inventory: What is busy there.
        tasks: What the scheduler knows.
        deployment: Which Airflow; see `Owner.deployment`.
        grace_s: Between SIGTERM and SIGKILL.
        say: Takes each job that was stopped, at once.
    """

    host: EdgeHost
    inventory: SiteInventory
    tasks: TaskStates
    deployment: str
    grace_s: int
    say: Callable[[Stopped], object]

    async def once(self) -> None:
        """Stop what nobody will come back for; one job's error is raised when all the others are through."""
        jobs = await self.inventory.busy_jobs()
        if not jobs:
            return
        now = await self.inventory.now()
        creators = {job.id: creator(job, self.deployment) for job in jobs}
        alive = await living(self.tasks, [task for task in creators.values() if task])
        # Reading a job's records takes a call each; the only job of a living creator needs none.
        how_many = Counter(creators.values())
        rivals = [job for job in jobs if creators[job.id] in alive and how_many[creators[job.id]] > 1]
        suspects = [job for job in jobs if creators[job.id] not in alive] + rivals
        newest = newest_attempts([await ownership.records(self.host, job.name) for job in rivals])
        slots = asyncio.Semaphore(AT_A_TIME)
        ends = await asyncio.gather(
            *(self._settle(job, now, newest, slots) for job in suspects), return_exceptions=True
        )
        for error in filter(None, ends):
            raise error

    async def _settle(
        self, job: SiteContainer, now: datetime, newest: Mapping[TaskRef, str], slots: asyncio.Semaphore
    ) -> None:
        with suppress(JobInterrupted):  # It was removed meanwhile: there is nothing left to stop.
            async with slots:
                await self._stop_if_orphaned(job, now, newest)

    async def _stop_if_orphaned(
        self, job: SiteContainer, now: datetime, newest: Mapping[TaskRef, str]
    ) -> None:
        _, found = await self._judge(job, now, newest)
        for owner in found.dead:
            await ownership.release(self.host, job.name, owner)
        if not found.orphaned:
            return
        # Again, for a task that was cleared meanwhile: its new try may have adopted the job.
        records, found = await self._judge(job, now, newest)
        state = await self.host.inspect(job.name)
        if not found.orphaned or state is None or (state.id, state.status) != (job.id, "running"):
            return
        why = "no task of it is left in Airflow"
        await lifecycle.stop(self.host, job.name, "maintain_site", self.grace_s, why)
        self.say(Stopped(job.name, tuple(str(record.owner) for record in records)))

    async def _judge(
        self, job: SiteContainer, now: datetime, newest: Mapping[TaskRef, str]
    ) -> tuple[list[Record], Verdict]:
        records = await ownership.records(self.host, job.name)
        alive = await living(self.tasks, tasks_of(job, records, self.deployment)) - superseded(
            records, newest
        )
        return records, verdict(job, records, self.deployment, alive, now)


def verdict(
    job: SiteContainer, records: Sequence[Record], deployment: str, alive: set[TaskRef], now: datetime
) -> Verdict:
    """Whether anybody will come for a running job.

    Somebody will when a task of ours that ever watched it, or that created it, is alive: its next try adopts
    the job. So may a watcher of another Airflow. What no task of ours had to do with is not ours to judge.

    Args:
        job: The job.
        records: Its watchers' records.
        deployment: Which Airflow we are.
        alive: Those of `tasks_of` the job that may come back for it.
        now: The site's clock.
    """
    watching = [record.owner for record in records if not record.released]
    ours = [owner for owner in watching if owner.deployment == deployment]
    dead = tuple(owner for owner in ours if task_of(owner) not in alive)
    related = tasks_of(job, records, deployment)
    unclaimed = not records and now - job.created < CLAIM_LIMIT
    foreign = len(ours) < len(watching)
    return Verdict(dead, bool(related) and not (alive & related) and not foreign and not unclaimed)


def is_alive(state: str | None, run_is_unfinished: bool) -> bool:
    """Whether a task may come back for its job; one without a state was cleared, or its run ended first."""
    return run_is_unfinished if state is None else state not in ENDED


async def living(tasks: TaskStates, asked: Sequence[TaskRef] | set[TaskRef]) -> set[TaskRef]:
    """Those of the tasks that may come back."""
    states: Mapping[TaskRef, str | None] = await tasks.states(asked) if asked else {}
    cleared = {task.run for task, state in states.items() if state is None}
    unfinished = await tasks.unfinished(cleared) if cleared else set()
    return {task for task, state in states.items() if is_alive(state, task.run in unfinished)}


def newest_attempts(records_of_jobs: Iterable[Sequence[Record]]) -> dict[TaskRef, str]:
    """The latest try of each task that watches one of the jobs."""
    newest: dict[TaskRef, str] = {}
    for record in chain.from_iterable(records_of_jobs):
        task = task_of(record.owner)
        newest[task] = max(newest.get(task, ""), record.owner.attempt)
    return newest


def superseded(records: Sequence[Record], newest: Mapping[TaskRef, str]) -> set[TaskRef]:
    """Tasks whose later try watches another job: it has other inputs, and will not come for this one."""
    return {
        task_of(record.owner)
        for record in records
        if record.owner.attempt < newest.get(task_of(record.owner), "")
    }


def tasks_of(job: SiteContainer, records: Sequence[Record], deployment: str) -> set[TaskRef]:
    """The tasks of ours that ever had to do with a job."""
    watched = {task_of(record.owner) for record in records if record.owner.deployment == deployment}
    created = creator(job, deployment)
    return watched | {created} if created else watched


def task_of(owner: Owner) -> TaskRef:
    """The task whose try the owner is."""
    return TaskRef(RunRef(owner.dag_id, owner.run_id), owner.task_id, owner.map_index)


def creator(job: SiteContainer, deployment: str) -> TaskRef | None:
    """The task that created a job, by the container's labels; None when it was not one of ours."""
    label = job.labels
    if label.get("deployment") != deployment or not {"dag_id", "run_id", "task_id"} <= label.keys():
        return None
    return TaskRef(
        RunRef(label["dag_id"], label["run_id"]), label["task_id"], int(label.get("map_index", -1))
    )
