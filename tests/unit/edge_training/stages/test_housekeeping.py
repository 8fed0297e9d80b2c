"""Housekeeping on a site in memory: what goes, what stays, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fakes.bookmarks import InMemoryBookmarks
from tests.fakes.edge_host import InMemoryEdgeHost, Outcome
from tests.fakes.site_inventory import NOW, InMemorySiteInventory
from tests.fakes.task_states import InMemoryTaskStates

from edge_runner.protocol import JOB_VOLUME_DIR, PAYLOAD_NAME
from edge_training import ownership
from edge_training.identity import container_name, labels
from edge_training.jobs import announced
from edge_training.ownership import Owner
from edge_training.places import bookmark_name
from edge_training.ports.edge_host import ContainerSpec, Mount, ServiceSpec
from edge_training.ports.site_inventory import SiteImage
from edge_training.ports.task_states import RunRef
from edge_training.stages.housekeeping import Housekeeper, Removed
from edge_training.stages.retention import RetentionPolicy

RUNTIME = "runtime@sha256:1"
SERVING = SiteImage("sha256:2", {"model": "m"}, ("registry/m@sha256:2",), False, False, None)
OWNER = Owner("here", "train", "manual__1", "train_model", -1, 1)
POLICY = RetentionPolicy(keep_jobs=0, keep_failures_days=14, keep_images=0, min_age_hours=12)


class World:
    """A site with jobs, and its housekeeper."""

    def __init__(self) -> None:
        self.host = InMemoryEdgeHost({RUNTIME, SERVING.references[0]})
        self.inventory = InMemorySiteInventory(self.host)
        self.bookmarks = InMemoryBookmarks()
        self.tasks = InMemoryTaskStates()
        self.said: list[str] = []

    async def job(
        self, number: int, step: str = "export", days: float = 5, *, log_kept: bool = True, **outcome: object
    ) -> str:
        """A job that ended some days ago; gives its name."""
        key = f"{number:064x}"[::-1]
        name = container_name(step, key)
        made_by = {"deployment": "here", "dag_id": "train", "run_id": f"manual__{number}", "task_id": "t"}
        spec = ContainerSpec(
            name,
            RUNTIME,
            ("true",),
            mounts=(Mount(name, JOB_VOLUME_DIR, read_only=False),),
            labels=labels(step=step, key=key, model="m", **made_by),
        )
        await self.host.create(spec)
        await self.host.write_file(name, JOB_VOLUME_DIR, PAYLOAD_NAME, announced(b""))
        if log_kept:
            await self.host.write_file(name, JOB_VOLUME_DIR, "log-kept.json", b"{}")
        self.host.outcomes[name] = [Outcome(**outcome)]
        await self.host.start(name)
        self.inventory.created[name] = self.inventory.finished[name] = NOW - timedelta(days=days)
        return name

    async def clean_up(self, policy: RetentionPolicy = POLICY) -> Removed:
        """One round of housekeeping."""
        return await Housekeeper(
            self.host, self.inventory, self.bookmarks, self.tasks, "here", policy, self.said.append
        ).once()


@pytest.fixture
def world() -> World:
    """A site without anything."""
    return World()


async def test_a_surplus_job_goes_with_its_volume_and_both_are_named(world):
    name = await world.job(1)
    removed = await world.clean_up()
    assert removed.as_dict() == {"containers": 1, "volumes": 1, "forwarders": 0, "images": 0, "bookmarks": 0}
    assert (world.host.containers, world.host.volumes) == ({}, {})
    assert [name in line for line in world.said] == [True, True]


async def test_a_second_round_has_nothing_to_do_and_says_nothing(world):
    await world.job(1)
    await world.clean_up()
    world.said.clear()
    assert str(await world.clean_up()) == "nothing"
    assert world.said == []


async def test_a_training_whose_log_has_no_copy_stays(world):
    kept = await world.job(1, step="train", log_kept=False)
    await world.job(2, step="train")
    await world.clean_up()
    assert list(world.host.containers) == [kept]
    assert kept in world.host.volumes


async def test_a_result_that_an_unfinished_run_may_need_stays(world):
    name = await world.job(1)
    world.tasks.live_runs.add(RunRef("train", "manual__1"))
    await world.clean_up()
    assert name in world.host.containers


async def test_a_result_that_an_unfinished_run_adopted_stays(world):
    name = await world.job(1)
    await ownership.claim(world.host, name, replace(OWNER, run_id="manual__7"))
    world.tasks.live_runs.add(RunRef("train", "manual__7"))
    await world.clean_up()
    assert name in world.host.containers


async def test_a_result_that_another_airflow_watches_stays_until_a_failure_would_go(world):
    name = await world.job(1)
    await ownership.claim(world.host, name, replace(OWNER, deployment="there"))
    await world.clean_up()
    assert name in world.host.containers
    world.inventory.finished[name] = NOW - timedelta(days=15)
    await world.clean_up()
    assert name not in world.host.containers


async def test_a_failure_keeps_the_volume_that_it_shares_with_a_success(world):
    """So that what it left can be examined."""
    name = await world.job(1, exit_code=1)
    await world.host.rename(name, f"{name}.failed-1")
    await world.job(1)
    world.inventory.finished[f"{name}.failed-1"] = NOW - timedelta(days=6)
    removed = await world.clean_up()
    assert (removed.containers, removed.volumes) == (1, 0)
    assert list(world.host.containers) == [f"{name}.failed-1"]
    assert name in world.host.volumes


async def test_a_volume_whose_job_went_before_a_crash_goes_later(world):
    name = await world.job(1)
    await world.host.remove(name)
    world.inventory.created[name] = NOW - timedelta(days=1)
    assert (await world.clean_up()).volumes == 1


async def test_a_job_that_somebody_started_again_meanwhile_stays(world):
    name = await world.job(1)
    stale = await world.inventory.containers()
    world.host.outcomes[name] = [Outcome(runs=True)]
    await world.host.start(name)

    class Stale(InMemorySiteInventory):
        async def containers(self):
            return stale

    world.inventory = Stale(world.host)
    assert (await world.clean_up()).as_dict() == Removed().as_dict()
    assert world.host.containers[name].status == "running"


async def test_a_stranger_stays_whatever_its_name(world):
    spec = ContainerSpec("edge-export-1234", RUNTIME, ("true",))
    await world.host.create(spec)
    world.inventory.created[spec.name] = NOW - timedelta(days=400)
    await world.clean_up()
    assert spec.name in world.host.containers


async def test_an_old_forwarder_is_stopped_and_goes(world):
    for number in (1, 2):
        spec = ServiceSpec(f"edge-storage-{number}", RUNTIME, 1, 0, labels=labels(role="storage-forwarder"))
        await world.host.run_service(spec)
        world.inventory.created[spec.name] = NOW - timedelta(days=30 - number)
    assert (await world.clean_up()).forwarders == 1
    assert list(world.host.containers) == ["edge-storage-2"]
    assert world.host.containers["edge-storage-2"].status == "running"


async def test_an_image_goes_once_it_was_unused_for_long(world):
    world.inventory.stored[SERVING.id] = SERVING
    assert (await world.clean_up()).images == 0
    assert world.inventory.stored[SERVING.id].unused_since == NOW
    world.inventory.clock = NOW + timedelta(hours=13)
    assert (await world.clean_up()).images == 1
    assert world.inventory.stored == {}
    assert "registry/m@sha256:2" in world.said[-1]


async def test_an_image_that_serves_stays_unmarked(world):
    world.inventory.stored[SERVING.id] = SERVING
    await world.host.run_service(ServiceSpec("edge-service-m", SERVING.references[0], 8080, 0))
    await world.clean_up()
    assert world.inventory.stored[SERVING.id].unused_since is None


async def test_bookmarks_in_logs_of_jobs_that_are_gone_go_and_what_is_none_stays(world):
    present = bookmark_name(await world.job(1, days=0), OWNER)
    gone = bookmark_name("edge-train-2", OWNER)
    world.bookmarks.notes = {present: b"", gone: b"", f"{gone}.new": b"", "notes.txt": b""}
    assert (await world.clean_up()).bookmarks == 2
    assert await world.bookmarks.names() == sorted([present, "notes.txt"])
