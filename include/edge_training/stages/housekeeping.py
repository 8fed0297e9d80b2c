"""housekeeping: what has piled up on a site goes away by policy; see `retention` for what may go.

A training, succeeded or failed, goes only after its raw log has become an artifact of its run. Where that has
not happened at its end, it is tried again here.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from edge_training import ownership, places
from edge_training.errors import JobInterrupted, ModelRegistryRefused, ModelRegistryUnavailable
from edge_training.ownership import Record
from edge_training.ports.bookmarks import Bookmarks
from edge_training.ports.edge_host import EdgeHost
from edge_training.ports.site_inventory import SiteContainer, SiteImage, SiteInventory, SiteVolume
from edge_training.ports.task_states import RunRef, TaskStates
from edge_training.ports.tracking import LogArchive
from edge_training.stages import raw_log, retention
from edge_training.stages.reconcile import tasks_of
from edge_training.stages.retention import JobFacts, RetentionPolicy

FORWARDER_GRACE_S = 5
KEEPING_LIMIT_S = 240.0
"""The next pass is not far, and what a registry does not answer to costs a minute each."""
MOST_REASONS = 3


@dataclass
class Removed:
    """How much was removed."""

    containers: int = 0
    volumes: int = 0
    forwarders: int = 0
    images: int = 0
    bookmarks: int = 0

    def as_dict(self) -> dict[str, int]:
        """What the task hands on."""
        return asdict(self)

    def __str__(self) -> str:
        return ", ".join(f"{count} {kind}" for kind, count in self.as_dict().items() if count) or "nothing"


@dataclass(frozen=True)
class Housekeeper:
    """Cleans up one site for one Airflow.

    Attributes:
        host: The site.
        inventory: What lies there.
        bookmarks: Where watches have left their places.
        tasks: What the scheduler knows.
        archive: Where raw logs are kept.
        deployment: Which Airflow; see `Owner.deployment`.
        policy: How long things are kept.
        say: Takes one sentence per thing that is removed or kept elsewhere, and one on what has to stay.
        keeping_limit_s: How far into a pass another raw log is begun with.
    """

    host: EdgeHost
    inventory: SiteInventory
    bookmarks: Bookmarks
    tasks: TaskStates
    archive: LogArchive
    deployment: str
    policy: RetentionPolicy
    say: Callable[[str], object]
    keeping_limit_s: float = KEEPING_LIMIT_S

    async def once(self) -> Removed:
        """Remove what may go; what somebody took into use meanwhile stays."""
        now = await self.inventory.now()
        # Before the containers: what is found here and has none there belongs to one that is gone.
        bookmarks = await self.bookmarks.names()
        containers = await self.inventory.containers()
        surplus = retention.surplus_jobs(containers, self.policy, now)
        removed = Removed()
        await self._remove_jobs([job for job in surplus if not retention.owns_log(job)], now, removed)
        await self._remove_volumes(now, removed)
        await self._remove_forwarders(containers, now, removed)
        await self._remove_images(now, removed)
        await self._remove_bookmarks(bookmarks, containers, removed)
        # Last, because a log takes as long as it takes; anew, because later steps' containers have gone.
        trainings = retention.surplus_trainings(await self.inventory.containers(), self.policy, now)
        await self._remove_jobs(await self._with_copies(trainings), now, removed)
        return removed

    async def _remove_jobs(self, jobs: Sequence[SiteContainer], now: datetime, removed: Removed) -> None:
        """Remove jobs; each volume goes right after its last container, while it is known whose it is.

        Each job is looked at right before it goes: a task that was just cleared may have adopted it, and
        Docker protects only what runs.
        """
        for job in jobs:
            if not retention.may_go(job, await self._facts(job), self.policy, now):
                continue
            if await self.inventory.remove_container(job.id):
                removed.containers += 1
                self.say(f"Removed the job {job.name}; {ending(job)}.")
                volumes = await self.inventory.volumes()
                own = [found for found in volumes if found.name == retention.own_volume(job)]
                await self._remove_unused(own, removed)

    async def _with_copies(self, trainings: Sequence[SiteContainer]) -> list[SiteContainer]:
        """Trainings whose raw log has a copy, now at the latest, or that left none.

        Those that were set aside share volume and log with their successor. In any order, lest logs that
        cannot be kept take the others' time in every pass.
        """
        by_log = defaultdict(list)
        for job in trainings:
            by_log[retention.own_volume(job)].append(job)
        deadline = time.monotonic() + self.keeping_limit_s
        safe, reasons = [], []
        for jobs in random.sample(list(by_log.values()), len(by_log)):
            why = await self._why_without_copy(jobs[0], deadline)
            if why:
                reasons.append(why)
            else:
                safe += jobs
        if reasons:
            how_many = f"Trainings that stay because their raw logs have no copy: {len(reasons)}."
            self.say(f"{how_many} {listed(reasons)}")
        return safe

    async def _why_without_copy(self, job: SiteContainer, deadline: float) -> str:
        """Keep a training's raw log; gives why that cannot be, or nothing."""
        if await raw_log.is_kept(self.host, job.name):
            return ""
        if not self._runs(job, await ownership.records(self.host, job.name)):
            return "Another Airflow made them, and its own maintain_site keeps their logs."
        if time.monotonic() > deadline:
            return "Their turn comes in the next pass."
        try:
            kept = await raw_log.keep(
                self.host, job.name, self.archive, job.labels["model"], job.labels["key"]
            )
        except (JobInterrupted, ModelRegistryUnavailable, ModelRegistryRefused, OSError) as error:
            return str(error)
        if kept:
            self.say(f"The raw log of {job.name} is an artifact of its run, sha256 {kept.log_sha256}.")
        return ""

    async def _facts(self, job: SiteContainer) -> JobFacts:
        records = await ownership.records(self.host, job.name)
        return JobFacts(
            run_unfinished=bool(await self.tasks.unfinished(self._runs(job, records))),
            watched_elsewhere=any(
                record.owner.deployment != self.deployment and not record.released for record in records
            ),
        )

    def _runs(self, job: SiteContainer, records: Sequence[Record]) -> set[RunRef]:
        return {task.run for task in tasks_of(job, records, self.deployment)}

    async def _remove_volumes(self, now: datetime, removed: Removed) -> None:
        volumes = await self.inventory.volumes()
        await self._remove_unused(retention.surplus_volumes(volumes, self.policy, now), removed)
        if left := [found.name for found in retention.unreadable_volumes(volumes, self.policy, now)]:
            self.say(
                f"Volumes of trainings that stay because somebody has removed their containers: {len(left)}. "
                "Nobody knows whether their raw logs have a copy; remove them by hand: " + ", ".join(left)
            )

    async def _remove_unused(self, volumes: Sequence[SiteVolume], removed: Removed) -> None:
        for volume in volumes:
            if not volume.in_use and await self.inventory.remove_volume(volume.name):
                removed.volumes += 1
                self.say(f"Removed the volume {volume.name}; no container mounts it.")

    async def _remove_forwarders(
        self, containers: Sequence[SiteContainer], now: datetime, removed: Removed
    ) -> None:
        for forwarder in retention.surplus_forwarders(containers, self.policy, now):
            # Again, for a job that leads through it by now.
            current = await self.inventory.containers()
            if forwarder not in retention.surplus_forwarders(current, self.policy, now):
                continue
            await self.host.stop(forwarder.name, FORWARDER_GRACE_S)
            if await self.inventory.remove_container(forwarder.id):
                removed.forwarders += 1
                self.say(f"Removed the forwarder {forwarder.name}; no job leads through it.")

    async def _remove_images(self, now: datetime, removed: Removed) -> None:
        changes = retention.image_changes(await self.inventory.images(), self.policy, now)
        for image in changes.mark_used:
            await self.inventory.mark_used(image)
        for image in changes.mark_unused:
            await self.inventory.mark_unused(image, now)
        for image in changes.remove:
            if await self.inventory.remove_image(image):
                removed.images += 1
                self.say(
                    f"Removed the image {shown(image)}; unused since {image.unused_since:%Y-%m-%d %H:%M}."
                )

    async def _remove_bookmarks(
        self, names: Sequence[str], containers: Sequence[SiteContainer], removed: Removed
    ) -> None:
        present = {container.name for container in containers}
        for name in names:
            job = places.job_of(name)
            if job is not None and job not in present:
                await self.bookmarks.remove(name)
                removed.bookmarks += 1


def listed(reasons: Sequence[str]) -> str:
    """The first few different ones, for people."""
    return " ".join(list(dict.fromkeys(reasons))[:MOST_REASONS])


def ending(job: SiteContainer) -> str:
    """How a job ended, for people."""
    if job.finished is None:
        return f"created {job.created:%Y-%m-%d %H:%M} and never started"
    return f"ended {job.finished:%Y-%m-%d %H:%M} with exit code {job.exit_code}"


def shown(image: SiteImage) -> str:
    """An image's name, for people."""
    return ", ".join(image.references) or image.id
