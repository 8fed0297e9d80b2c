"""A job is stopped when nobody will come back for it, and only then."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fakes.edge_host import InMemoryEdgeHost, Outcome
from tests.fakes.site_inventory import InMemorySiteInventory
from tests.fakes.task_states import InMemoryTaskStates

from edge_runner.protocol import JOB_VOLUME_DIR, PAYLOAD_NAME
from edge_training import ownership
from edge_training.errors import SiteFailing, SiteUnreachable
from edge_training.identity import container_name, labels
from edge_training.jobs import announced
from edge_training.ownership import Owner
from edge_training.ports.edge_host import ContainerSpec, Mount, ServiceSpec
from edge_training.stages.reconcile import Reconciler, Stopped, creator, task_of

IMAGE = "runtime@sha256:1"
OWNER = Owner("here", "train", "manual__1", "train_model", -1, 1, "try-1")
OTHER = replace(OWNER, run_id="manual__2")
FOREIGN = replace(OWNER, deployment="there", run_id="manual__9")
NAME = container_name("train", "a" * 64)
LONG_AGO = timedelta(hours=1)


class World:
    """A site with one running job, and a scheduler."""

    def __init__(self) -> None:
        self.host = InMemoryEdgeHost({IMAGE})
        self.inventory = InMemorySiteInventory(self.host)
        self.tasks = InMemoryTaskStates()
        self.stopped: list[Stopped] = []

    async def run_job(self, created_by: Owner | None, *watchers: Owner, key: str = "a" * 64) -> None:
        """Start a job; it was created long ago."""
        name = container_name("train", key)
        made_by = {}
        if created_by:
            made_by = {
                "deployment": created_by.deployment,
                "dag_id": created_by.dag_id,
                "run_id": created_by.run_id,
                "task_id": created_by.task_id,
                "map_index": str(created_by.map_index),
            }
        spec = ContainerSpec(
            name,
            IMAGE,
            ("true",),
            mounts=(Mount(name, JOB_VOLUME_DIR, read_only=False),),
            labels=labels(step="train", key=key, **made_by),
        )
        await self.host.create(spec)
        self.inventory.created[name] = self.inventory.clock - LONG_AGO
        for owner in watchers:
            await ownership.claim(self.host, name, owner)
        self.host.outcomes[name] = [Outcome(runs=True)]
        await self.host.write_file(name, JOB_VOLUME_DIR, PAYLOAD_NAME, announced(b""))
        await self.host.start(name)

    def say(self, owner: Owner, state: str | None, run_is_live: bool = True) -> None:
        """What the scheduler knows of an owner's task."""
        self.tasks.known[task_of(owner)] = state
        if run_is_live:
            self.tasks.live_runs.add(task_of(owner).run)

    @property
    def reconciler(self) -> Reconciler:
        """Of the Airflow that is here."""
        return Reconciler(self.host, self.inventory, self.tasks, "here", 1, self.stopped.append)

    async def is_stopped(self) -> bool:
        """One look; whether the job still runs afterwards, and whether that was said."""
        self.stopped.clear()
        await self.reconciler.once()
        ended = self.host.containers[NAME].status == "exited"
        assert [found.job for found in self.stopped] == ([NAME] if ended else [])
        return ended


@pytest.fixture
def world() -> World:
    """A site without jobs."""
    return World()


@pytest.mark.parametrize("state", ["success", "failed", "removed", "upstream_failed", "skipped"])
async def test_a_job_whose_task_has_ended_is_stopped(world, state):
    await world.run_job(OWNER, OWNER)
    world.say(OWNER, state)
    assert await world.is_stopped()
    assert await ownership.watchers(world.host, NAME) == []


@pytest.mark.parametrize(
    "state",
    [
        "running",
        "deferred",
        "queued",
        "scheduled",
        "up_for_retry",
        "up_for_reschedule",
        "restarting",
        "unheard",
    ],
)
async def test_a_job_whose_task_may_come_back_is_left(world, state):
    await world.run_job(OWNER, OWNER)
    world.say(OWNER, state)
    assert not await world.is_stopped()
    assert await ownership.watchers(world.host, NAME) == [OWNER]


async def test_a_job_whose_run_was_deleted_is_stopped(world):
    await world.run_job(OWNER, OWNER)
    assert await world.is_stopped()


async def test_a_cleared_task_without_a_state_comes_back_while_its_run_lives(world):
    await world.run_job(OWNER, OWNER)
    world.say(OWNER, None)
    assert not await world.is_stopped()
    world.tasks.live_runs.clear()
    assert await world.is_stopped()


async def test_a_job_that_another_run_shares_runs_on_without_its_creator(world):
    await world.run_job(OWNER, OWNER, OTHER)
    world.say(OTHER, "deferred")
    assert not await world.is_stopped()
    assert await ownership.watchers(world.host, NAME) == [OTHER]
    world.say(OTHER, "failed")
    assert await world.is_stopped()


async def test_a_watcher_of_another_airflow_is_never_judged(world):
    """Its runs are unknown here, which says nothing."""
    await world.run_job(OWNER, OWNER, FOREIGN)
    assert not await world.is_stopped()
    assert await ownership.watchers(world.host, NAME) == [FOREIGN]
    assert task_of(FOREIGN) not in set().union(*world.tasks.asked)


async def test_a_job_of_another_airflow_is_left_whatever_its_records_say(world):
    await world.run_job(FOREIGN, FOREIGN)
    await ownership.release(world.host, NAME, FOREIGN)
    assert not await world.is_stopped()


async def test_a_job_that_another_airflow_made_and_only_ours_watched_is_stopped(world):
    await world.run_job(FOREIGN, OWNER)
    assert await world.is_stopped()


async def test_a_job_that_nobody_claimed_is_left_for_its_first_minute(world):
    await world.run_job(OWNER)
    world.inventory.created[NAME] = world.inventory.clock - timedelta(seconds=50)
    assert not await world.is_stopped()
    world.inventory.created[NAME] = world.inventory.clock - timedelta(seconds=70)
    assert await world.is_stopped()


async def test_a_job_that_nobody_claimed_is_left_while_its_creator_may_come_back(world):
    """Its worker died between creating and claiming; the task will be tried again."""
    await world.run_job(OWNER)
    world.say(OWNER, "up_for_retry")
    assert not await world.is_stopped()


async def test_a_job_whose_creator_cannot_be_told_is_left(world):
    await world.run_job(None)
    assert not await world.is_stopped()


async def test_a_released_job_whose_task_will_be_tried_again_is_left(world):
    await world.run_job(OWNER, OWNER)
    await ownership.release(world.host, NAME, OWNER)
    world.say(OWNER, "up_for_retry")
    assert not await world.is_stopped()


async def test_a_released_job_that_could_not_be_stopped_then_is_stopped_now(world):
    """The link broke between giving up and stopping."""
    await world.run_job(OWNER, OWNER)
    await ownership.release(world.host, NAME, OWNER)
    world.say(OWNER, "failed")
    assert await world.is_stopped()


async def test_a_job_that_a_later_try_has_left_for_another_is_stopped(world):
    """A wait is a job of its own in each try; a worker that died could not stop its one."""
    again = replace(OWNER, try_number=2, attempt="try-2")
    await world.run_job(OWNER, OWNER)
    await world.run_job(again, again, key="b" * 64)
    world.say(OWNER, "running")
    assert await world.is_stopped()
    assert await ownership.watchers(world.host, container_name("train", "b" * 64)) == [again]


async def test_a_job_that_a_later_try_has_left_is_kept_for_others(world):
    again = replace(OWNER, try_number=2, attempt="try-2")
    await world.run_job(OWNER, OWNER, OTHER)
    await world.run_job(again, again, key="b" * 64)
    world.say(OWNER, "running")
    world.say(OTHER, "running")
    assert not await world.is_stopped()
    assert await ownership.watchers(world.host, NAME) == [OTHER]


async def test_a_mapped_tasks_job_is_judged_by_its_own_index(world):
    mapped = replace(OWNER, map_index=3)
    await world.run_job(mapped, mapped)
    world.say(mapped, "deferred")
    assert not await world.is_stopped()


async def test_a_task_that_is_cleared_while_we_judge_keeps_its_job(world):
    """The new try claims the job after the old one was found dead."""
    await world.run_job(OWNER, OWNER)
    world.say(OWNER, "failed")
    again = replace(OWNER, try_number=2, attempt="try-2")

    class Clearing(InMemoryTaskStates):
        async def states(self, tasks):
            found = await world.tasks.states(tasks)
            world.say(OWNER, "running")
            await ownership.claim(world.host, NAME, again)
            return found

    reconciler = replace(world.reconciler, tasks=Clearing())
    await reconciler.once()
    assert world.stopped == []
    assert world.host.containers[NAME].status == "running"
    assert await ownership.watchers(world.host, NAME) == [again]


async def test_a_container_that_took_the_jobs_name_meanwhile_is_not_stopped(world):
    await world.run_job(OWNER, OWNER)
    stale = await world.inventory.busy_jobs()
    await world.host.rename(NAME, f"{NAME}.failed-1")
    await world.run_job(OWNER)

    class Stale(InMemorySiteInventory):
        async def busy_jobs(self):
            return stale

    reconciler = replace(world.reconciler, inventory=Stale(world.host))
    await reconciler.once()
    assert world.stopped == []
    assert world.host.containers[NAME].status == "running"


async def test_one_question_suffices_while_all_creators_live(world):
    await world.run_job(OWNER, OWNER)
    world.say(OWNER, "deferred")
    await world.reconciler.once()
    assert world.tasks.asked == [{task_of(OWNER)}]


async def test_nothing_is_asked_when_nothing_runs(world):
    await world.reconciler.once()
    assert world.stopped == []
    assert world.tasks.asked == []


async def test_a_job_that_waits_with_a_gpu_is_given_up_for_those_who_have_ended(world):
    """Nobody would ever start it, and the GPU would be leased for ever."""
    await world.run_job(OWNER, OWNER, OTHER)
    world.host.containers[NAME].end(137)
    world.say(OTHER, "deferred")
    await world.reconciler.once()
    assert world.stopped == []
    assert await ownership.watchers(world.host, NAME) == [OWNER, OTHER]
    lease = ContainerSpec("edge-lease-GPU-0", IMAGE, ("true",), labels=labels(role="gpu-lease", job=NAME))
    await world.host.create(lease)
    await world.reconciler.once()
    assert world.stopped == []
    assert await ownership.watchers(world.host, NAME) == [OTHER]


async def test_services_are_never_touched(world):
    await world.host.run_service(ServiceSpec("edge-service-m", IMAGE, 8080, 0, labels=labels(role="service")))
    await world.reconciler.once()
    assert world.stopped == []
    assert world.host.containers["edge-service-m"].status == "running"


async def test_a_lost_connection_is_told(world):
    class Unreachable(InMemorySiteInventory):
        async def busy_jobs(self):
            raise SiteUnreachable("The VM does not answer.")

    with pytest.raises(SiteUnreachable):
        await replace(world.reconciler, inventory=Unreachable(world.host)).once()


class Stubborn(InMemoryEdgeHost):
    """A site whose Docker cannot stop one job, and takes a moment for the others."""

    def __init__(self, host: InMemoryEdgeHost) -> None:
        vars(self).update(vars(host))
        self.stopping = asyncio.Event()

    async def stop(self, name: str, grace_s: int) -> None:
        if name == NAME:
            raise SiteFailing("Docker fails (500): cannot stop the container.")
        self.stopping.set()
        await asyncio.sleep(0.01)
        await super().stop(name, grace_s)


async def test_a_job_that_docker_cannot_stop_is_told_after_the_others_were_stopped(world):
    for key in ("a" * 64, "b" * 64, "c" * 64):
        await world.run_job(OWNER, OWNER, key=key)
    with pytest.raises(SiteFailing, match="cannot stop"):
        await replace(world.reconciler, host=Stubborn(world.host)).once()
    others = {container_name("train", key * 64) for key in "bc"}
    assert {stopped.job for stopped in world.stopped} == others
    assert {world.host.containers[name].status for name in others} == {"exited"}


async def test_a_look_that_is_cancelled_ends_at_once_and_says_nothing_of_what_it_has_not_stopped(world):
    for key in ("a" * 64, "b" * 64):
        await world.run_job(OWNER, OWNER, key=key)
    host = Stubborn(world.host)
    look = asyncio.create_task(replace(world.reconciler, host=host).once())
    await host.stopping.wait()
    look.cancel()
    with pytest.raises(asyncio.CancelledError):
        await look
    assert world.stopped == []


async def test_the_sentence_names_who_had_watched(world):
    await world.run_job(OWNER, OWNER)
    await world.reconciler.once()
    (stopped,) = world.stopped
    assert NAME in str(stopped)
    assert "try 1 of train_model in manual__1 of train" in str(stopped)


async def test_labels_without_a_task_name_no_creator(world):
    await world.run_job(None)
    (job,) = await world.inventory.busy_jobs()
    assert creator(job, "") is None
