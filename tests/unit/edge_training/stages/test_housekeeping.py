"""Housekeeping on a site in memory: what goes, what stays, and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fakes.bookmarks import InMemoryBookmarks
from tests.fakes.edge_host import InMemoryEdgeHost, Outcome
from tests.fakes.site_inventory import NOW, InMemorySiteInventory
from tests.fakes.task_states import InMemoryTaskStates
from tests.fakes.tracking import InMemoryRuns

from edge_runner.protocol import INPUTS_DIR, JOB_VOLUME_DIR, LOG_NAME, PAYLOAD_NAME, WORK_NAME
from edge_training import ownership
from edge_training.errors import ModelRegistryUnavailable
from edge_training.identity import container_name, labels
from edge_training.jobs import announced
from edge_training.ownership import Owner
from edge_training.places import bookmark_name
from edge_training.ports.edge_host import ContainerSpec, Mount, ServiceSpec
from edge_training.ports.site_inventory import SiteImage
from edge_training.ports.task_states import RunRef
from edge_training.stages import raw_log
from edge_training.stages.housekeeping import Housekeeper, Removed
from edge_training.stages.retention import RetentionPolicy

RUNTIME = "runtime@sha256:1"
SERVING = SiteImage("sha256:2", {"model": "m"}, ("registry/m@sha256:2",), False, False, None)
OWNER = Owner("here", "train", "manual__1", "train_model", -1, 1, "try-1")
POLICY = RetentionPolicy(keep_jobs=0, keep_failures_days=14, keep_images=0, min_age_hours=12)


def key_of(number: int) -> str:
    """A key whose beginning tells it from others."""
    return f"{number:064x}"[::-1]


class World:
    """A site with jobs, and its housekeeper."""

    def __init__(self) -> None:
        self.host = InMemoryEdgeHost({RUNTIME, SERVING.references[0]})
        self.inventory = InMemorySiteInventory(self.host)
        self.bookmarks = InMemoryBookmarks()
        self.tasks = InMemoryTaskStates()
        self.archive = InMemoryRuns()
        self.said: list[str] = []

    async def job(
        self,
        number: int,
        step: str = "export",
        days: float = 5,
        *,
        deployment: str = "here",
        inputs: Sequence[str] = (),
        **outcome: object,
    ) -> str:
        """A job that ended some days ago; gives its name."""
        key = key_of(number)
        name = container_name(step, key)
        made_by = {
            "deployment": deployment,
            "dag_id": "train",
            "run_id": f"manual__{number}",
            "task_id": "t",
        }
        spec = ContainerSpec(
            name,
            RUNTIME,
            ("true",),
            mounts=(
                Mount(name, JOB_VOLUME_DIR, read_only=False),
                *(Mount(made, f"{INPUTS_DIR}/{made}", subpath=WORK_NAME) for made in inputs),
            ),
            labels=labels(step=step, key=key, model="m", **made_by),
        )
        await self.host.create(spec)
        await self.host.write_file(name, JOB_VOLUME_DIR, PAYLOAD_NAME, announced(b""))
        self.host.outcomes[name] = [Outcome(lines=("epoch 1",), **outcome)]
        await self.host.start(name)
        self.inventory.created[name] = self.inventory.finished[name] = NOW - timedelta(days=days)
        return name

    async def forwarders(self, count: int) -> None:
        """That many, each newer than the one before."""
        for number in range(1, count + 1):
            name = f"edge-storage-{number}"
            await self.host.run_service(
                ServiceSpec(name, RUNTIME, 1, 0, labels=labels(role="storage-forwarder"))
            )
            self.inventory.created[name] = NOW - timedelta(days=30 - number)
            self.inventory.addresses[name] = f"10.0.0.{number}"

    def logs(self) -> dict[str, dict[str, bytes]]:
        """What the model registry holds, by training key."""
        return {key: run.logs for (_, key), run in self.archive.runs.items()}

    async def clean_up(self, policy: RetentionPolicy = POLICY, **settings: float) -> Removed:
        """One round of housekeeping."""
        housekeeper = Housekeeper(
            host=self.host,
            inventory=self.inventory,
            bookmarks=self.bookmarks,
            tasks=self.tasks,
            archive=self.archive,
            deployment="here",
            policy=policy,
            say=self.said.append,
            **settings,
        )
        return await housekeeper.once()


def counted(**removed: int) -> dict[str, int]:
    """What a pass hands on that removed just these."""
    return Removed(**removed).as_dict()


@pytest.fixture
def world() -> World:
    """A site without anything."""
    return World()


async def test_a_surplus_job_goes_with_its_volume_and_both_are_named(world):
    name = await world.job(1)
    removed = await world.clean_up()
    assert removed.as_dict() == counted(containers=1, volumes=1)
    assert (world.host.containers, world.host.volumes) == ({}, {})
    assert [name in line for line in world.said] == [True, True]


async def test_a_second_round_has_nothing_to_do_and_says_nothing(world):
    await world.job(1)
    await world.clean_up()
    world.said.clear()
    assert str(await world.clean_up()) == "nothing"
    assert world.said == []


@pytest.mark.parametrize("end", [{}, {"exit_code": 1}, {"exit_code": 137}])
async def test_a_training_goes_after_its_log_was_kept_however_it_ended(world, end):
    name = await world.job(1, step="train", days=15, **end)
    assert (await world.clean_up()).as_dict() == counted(containers=1, volumes=1)
    assert world.logs() == {key_of(1): {"train.log": b"epoch 1\n"}}
    assert [name in line for line in world.said] == [True, True, True]


async def test_a_log_that_was_kept_at_the_end_of_its_training_is_not_sent_again(world):
    name = await world.job(1, step="train")
    await raw_log.keep(world.host, name, InMemoryRuns(), "m", key_of(1))
    assert (await world.clean_up()).containers == 1
    assert world.logs() == {}


@pytest.mark.parametrize(
    "trouble",
    [ModelRegistryUnavailable("MLflow does not answer; start it."), OSError(28, "No space left on device")],
)
async def test_trainings_whose_logs_cannot_be_kept_stay_for_ever_and_are_counted_once(world, trouble):
    class Down(InMemoryRuns):
        def attach(self, *args):
            raise trouble

    kept = [await world.job(number, step="train", days=400, exit_code=number % 2) for number in range(3)]
    world.archive = Down()
    assert str(await world.clean_up()) == "nothing"
    assert sorted(world.host.containers) == sorted(kept) == sorted(world.host.volumes)
    assert world.said == [f"Trainings that stay because their raw logs have no copy: 3. {trouble}"]
    world.archive = InMemoryRuns()
    assert (await world.clean_up()).containers == 3
    assert len(world.logs()) == 3


async def test_a_log_that_is_not_as_written_keeps_its_training_and_no_other(world):
    forged, other = await world.job(1, step="train"), await world.job(2, step="train")
    world.host.volumes[forged][f"{WORK_NAME}/{LOG_NAME}"] = b"epoch 9\n"
    await world.clean_up()
    assert forged in world.host.containers
    assert other not in world.host.containers
    assert any("have no copy: 1. The raw log of" in line for line in world.said)


async def test_a_training_without_any_log_goes(world):
    name = await world.job(1, step="train")
    del world.host.volumes[name][f"{WORK_NAME}/{LOG_NAME}"]
    assert (await world.clean_up()).containers == 1
    assert world.logs() == {}


async def test_the_log_of_another_airflows_training_is_not_sent_to_our_registry(world):
    foreign = await world.job(1, step="train", days=400, deployment="there")
    await world.clean_up()
    assert (foreign in world.host.containers, world.logs()) == (True, {})
    assert "Another Airflow made them" in world.said[-1]


async def test_what_was_set_aside_shares_one_log_with_its_successor(world):
    """It is sent once; the volume goes with the last of them."""
    name = await world.job(1, step="train", days=20, exit_code=1)
    await world.host.rename(name, f"{name}.failed-1")
    await world.job(1, step="train", days=15)
    world.inventory.finished[f"{name}.failed-1"] = NOW - timedelta(days=20)
    sent = []
    attach, world.archive.attach = world.archive.attach, lambda *args: sent.append(args) or attach(*args)
    assert (await world.clean_up()).as_dict() == counted(containers=2, volumes=1)
    assert len(sent) == 1
    assert world.logs() == {key_of(1): {"train.log": b"epoch 1\nepoch 1\n"}}


async def test_what_was_set_aside_goes_before_its_successor_with_the_log_kept(world):
    name = await world.job(1, step="train", days=20, exit_code=1)
    await world.host.rename(name, f"{name}.failed-1")
    await world.job(1, step="train", days=1)
    world.inventory.finished[f"{name}.failed-1"] = NOW - timedelta(days=20)
    removed = await world.clean_up(replace(POLICY, keep_jobs=1))
    assert (removed.containers, removed.volumes) == (1, 0)
    assert list(world.host.containers) == [name]
    assert list(world.logs()) == [key_of(1)]


async def test_no_log_is_begun_with_when_the_time_of_a_pass_is_over(world):
    await world.job(1, step="train")
    await world.clean_up(keeping_limit_s=-1)
    assert world.said == [
        "Trainings that stay because their raw logs have no copy: 1. Their turn comes in the next pass."
    ]


async def test_a_training_goes_no_sooner_than_the_steps_that_mount_its_volume(world):
    trained = await world.job(1, step="train", files={"model": b""})
    evaluation = await world.job(2, step="evaluate", inputs=[trained])
    await world.clean_up(replace(POLICY, keep_jobs=1))
    assert {trained, evaluation} <= world.host.containers.keys()
    assert (await world.clean_up()).as_dict() == counted(containers=2, volumes=2)


async def test_a_trainings_volume_without_a_container_stays_and_is_named(world):
    name = await world.job(1, step="train")
    await world.host.remove(name)
    world.inventory.created[name] = NOW - timedelta(days=400)
    assert (await world.clean_up()).volumes == 0
    assert name in world.host.volumes
    assert "removed their containers: 1." in world.said[0]
    assert world.said[0].endswith(f"remove them by hand: {name}")


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


async def test_a_job_that_a_cleared_task_adopts_during_the_pass_stays(world):
    """It has ended, so Docker would let it go."""
    names = [await world.job(number) for number in (1, 2)]

    class Adopting(InMemorySiteInventory):
        async def remove_container(self, container_id):
            gone = await super().remove_container(container_id)
            for name in world.host.containers:
                await ownership.claim(world.host, name, replace(OWNER, run_id="manual__7"))
            world.tasks.live_runs.add(RunRef("train", "manual__7"))
            return gone

    adopting = Adopting(world.host)
    adopting.created, adopting.finished = world.inventory.created, world.inventory.finished
    world.inventory = adopting
    assert (await world.clean_up()).containers == 1
    assert len(world.host.containers.keys() & set(names)) == 1


async def test_a_stranger_stays_whatever_its_name(world):
    spec = ContainerSpec("edge-export-1234", RUNTIME, ("true",))
    await world.host.create(spec)
    world.inventory.created[spec.name] = NOW - timedelta(days=400)
    await world.clean_up()
    assert spec.name in world.host.containers


async def test_a_forwarder_that_a_job_leads_through_by_now_stays(world):
    await world.forwarders(3)
    stop = world.host.stop

    async def stop_while_a_job_begins(name, grace_s):
        await stop(name, grace_s)
        world.inventory.peers[await world.job(1, days=0)] = "10.0.0.2"

    world.host.stop = stop_while_a_job_begins
    assert (await world.clean_up()).forwarders == 1
    assert world.host.containers["edge-storage-2"].status == "running"


async def test_an_old_forwarder_is_stopped_and_goes(world):
    await world.forwarders(2)
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
