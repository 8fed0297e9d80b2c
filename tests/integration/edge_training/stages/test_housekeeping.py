"""On a real engine whose clock has moved on, what is old goes; what runs and what is a stranger's stays."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from tests.edge_world import RESUMES, RUNS, SMALL, World
from tests.fakes.task_states import InMemoryTaskStates
from tests.fakes.tracking import InMemoryRuns
from tests.jobs import NEXT_TRY, OWNER
from tests.real_host import Engine, real_host, target

from edge_training import places
from edge_training.adapters.docker import inventory as docker_inventory
from edge_training.adapters.docker.shared_site import joined
from edge_training.adapters.docker.vm_bookmarks import VmBookmarks
from edge_training.identity import set_aside_name
from edge_training.lifecycle import ensure_started
from edge_training.ports.site_inventory import SiteContainer, SiteImage, SiteInventory, SiteVolume
from edge_training.stages.housekeeping import Housekeeper
from edge_training.stages.retention import RetentionPolicy
from edge_training.watching import START

LABELS = {
    "model": "delay",
    "deployment": OWNER.deployment,
    "dag_id": OWNER.dag_id,
    "run_id": OWNER.run_id,
    "task_id": OWNER.task_id,
}
LATER = timedelta(days=15)


class LaterHere:
    """The site's inventory as it will be, as far as it concerns this test: others use the site too.

    Attributes:
        names: Of the test's jobs; a stranger's begin with one of them.
    """

    def __init__(self, inventory: SiteInventory) -> None:
        self._inventory = inventory
        self.names: list[str] = []
        self.remove_container = inventory.remove_container
        self.remove_volume = inventory.remove_volume

    async def now(self) -> datetime:
        return await self._inventory.now() + LATER

    async def containers(self) -> list[SiteContainer]:
        return [found for found in await self._inventory.containers() if self._is_here(found.name)]

    async def volumes(self) -> list[SiteVolume]:
        return [found for found in await self._inventory.volumes() if self._is_here(found.name)]

    async def images(self) -> list[SiteImage]:
        return []

    def _is_here(self, name: str) -> bool:
        return name.startswith(tuple(self.names))


def strangers(behind: Engine, image: str, name: str) -> tuple[str, str]:
    """A container that has ended and a volume, called like ours and without our labels; gives their names."""
    container = behind.client.containers.run(image, ["true"], name=f"{name}.stranger", detach=True)
    container.wait()
    volume = behind.client.volumes.create(f"{name}-stranger")
    return container.name, volume.name


def volumes(behind: Engine, names: list[str]) -> set[str]:
    """The volumes that begin with a name."""
    return {found.name for found in behind.client.volumes.list() if found.name.startswith(tuple(names))}


async def test_what_is_old_goes_with_its_log_kept_and_what_is_no_ones_of_ours_stays(
    site, behind, tmp_path: Path
):
    runs = InMemoryRuns()
    async with (
        real_host(site) as host,
        docker_inventory.connect(target(site)) as inventory,
        joined(target(site)) as link,
    ):
        world, later = World(host, site.training_image, behind), LaterHere(inventory)
        bookmarks = VmBookmarks(link.files, str(tmp_path / "bookmarks"))
        resumed, killed, running = (
            world.job(case, labels=LABELS, limits=SMALL) for case in (RESUMES, RUNS, RUNS)
        )
        export = world.job(RESUMES, step="export", labels=LABELS)
        idle = world.job(RUNS, labels=LABELS)
        jobs = [resumed, killed, running, export]
        later.names = [job.name for job in [*jobs, idle]]
        await host.create(idle.container())
        for job in jobs:
            await ensure_started(host, job, OWNER)
            await places.leave(bookmarks, job.name, OWNER, START)
        await host.wait(resumed.name)
        await ensure_started(host, resumed, NEXT_TRY)
        async for _ in host.logs(killed.name, ""):
            break  # it has said that it started
        world.kill(killed.name)
        for job in (resumed, killed, export):
            await host.wait(job.name)
        stranger, strange_volume = strangers(behind, site.training_image, resumed.name)
        set_aside = set_aside_name(resumed.name, 1)
        assert behind.containers(resumed.name) == [resumed.name, set_aside, stranger]

        housekeeper = Housekeeper(
            host=host,
            inventory=later,
            bookmarks=bookmarks,
            tasks=InMemoryTaskStates(),
            archive=runs,
            deployment=OWNER.deployment,
            policy=RetentionPolicy(keep_jobs=0),
            say=print,
        )
        first, second = await housekeeper.once(), await housekeeper.once()

        assert (first.containers, first.volumes) == (5, 4)
        assert (second.containers, second.volumes, second.bookmarks) == (0, 0, 3)
        assert await bookmarks.names() == [places.bookmark_name(running.name, OWNER)]
        assert (await host.inspect(running.name)).status == "running"
    left = {name for job in [*jobs, idle] for name in behind.containers(job.name)}
    assert left == {running.name, stranger}
    assert volumes(behind, later.names) == {running.name, strange_volume}
    logs = {key: run.logs["train.log"] for (_, key), run in runs.runs.items()}
    assert logs.keys() == {resumed.key, killed.key}
    assert b"TrainingFailed" in logs[resumed.key]
    assert logs[killed.key] == b"started\n"
