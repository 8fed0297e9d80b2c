"""housekeeping: what has piled up on a site goes away by policy; see `retention` for what may go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from edge_training import ownership, places
from edge_training.ownership import Record
from edge_training.ports.bookmarks import Bookmarks
from edge_training.ports.edge_host import EdgeHost
from edge_training.ports.site_inventory import SiteContainer, SiteImage, SiteInventory
from edge_training.ports.task_states import RunRef, TaskStates
from edge_training.stages import retention
from edge_training.stages.raw_log import KEPT_PATH
from edge_training.stages.reconcile import tasks_of
from edge_training.stages.retention import JobFacts, RetentionPolicy

FORWARDER_GRACE_S = 5


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
        deployment: Which Airflow; see `Owner.deployment`.
        policy: How long things are kept.
        say: Takes one sentence per removed thing.
    """

    host: EdgeHost
    inventory: SiteInventory
    bookmarks: Bookmarks
    tasks: TaskStates
    deployment: str
    policy: RetentionPolicy
    say: Callable[[str], object]

    async def once(self) -> Removed:
        """Remove what may go; what somebody took into use meanwhile stays."""
        now = await self.inventory.now()
        # Before the containers: what is found here and has none there belongs to one that is gone.
        bookmarks = await self.bookmarks.names()
        containers = await self.inventory.containers()
        removed = Removed()
        emptied = await self._remove_jobs(containers, now, removed)
        await self._remove_volumes(emptied, now, removed)
        await self._remove_forwarders(containers, now, removed)
        await self._remove_images(now, removed)
        await self._remove_bookmarks(bookmarks, containers, removed)
        return removed

    async def _remove_jobs(
        self, containers: Sequence[SiteContainer], now: datetime, removed: Removed
    ) -> set[str]:
        surplus = retention.surplus_jobs(containers, self.policy, now)
        facts = await self._facts(surplus)
        emptied = set()
        for job in surplus:
            if not retention.may_go(job, facts[job.id], self.policy, now):
                continue
            if await self.inventory.remove_container(job.id):
                emptied.add(retention.own_volume(job))
                removed.containers += 1
                self.say(f"Removed the job {job.name}; {ending(job)}.")
        return emptied

    async def _facts(self, jobs: Sequence[SiteContainer]) -> dict[str, JobFacts]:
        records = {job.id: await ownership.records(self.host, job.name) for job in jobs}
        runs = {job.id: self._runs(job, records[job.id]) for job in jobs}
        asked = set().union(*runs.values())
        unfinished = await self.tasks.unfinished(asked) if asked else set()
        return {
            job.id: JobFacts(
                log_kept=await self._log_is_kept(job),
                run_unfinished=bool(runs[job.id] & unfinished),
                watched_elsewhere=any(
                    record.owner.deployment != self.deployment and not record.released
                    for record in records[job.id]
                ),
            )
            for job in jobs
        }

    def _runs(self, job: SiteContainer, records: Sequence[Record]) -> set[RunRef]:
        return {task.run for task in tasks_of(job, records, self.deployment)}

    async def _log_is_kept(self, job: SiteContainer) -> bool:
        return await self.host.read_file(job.name, KEPT_PATH) is not None

    async def _remove_volumes(self, emptied: set[str], now: datetime, removed: Removed) -> None:
        volumes = await self.inventory.volumes()
        for volume in retention.surplus_volumes(volumes, emptied, self.policy, now):
            if await self.inventory.remove_volume(volume.name):
                removed.volumes += 1
                self.say(f"Removed the volume {volume.name}; no container mounts it.")

    async def _remove_forwarders(
        self, containers: Sequence[SiteContainer], now: datetime, removed: Removed
    ) -> None:
        for forwarder in retention.surplus_forwarders(containers, self.policy, now):
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


def ending(job: SiteContainer) -> str:
    """How a job ended, for people."""
    if job.finished is None:
        return f"created {job.created:%Y-%m-%d %H:%M} and never started"
    return f"ended {job.finished:%Y-%m-%d %H:%M} with exit code {job.exit_code}"


def shown(image: SiteImage) -> str:
    """An image's name, for people."""
    return ", ".join(image.references) or image.id
