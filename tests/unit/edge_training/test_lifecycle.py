"""A job is started once, adopted, gone on with and stopped, whoever dies in between."""

from __future__ import annotations

from contextlib import suppress

import pytest
from tests.fakes.edge_host import Crash, CrashingHost, InMemoryEdgeHost, Outcome, success
from tests.jobs import IMAGE, NEXT_TRY, OTHER_RUN, OWNER, PLAIN

from edge_training import errors, ownership
from edge_training.lifecycle import ensure_started, give_up, go_on, read_starts
from edge_training.outcomes import collect

RUNS = Outcome(runs=True)
KILLED = 137


@pytest.fixture
def host() -> InMemoryEdgeHost:
    return InMemoryEdgeHost({IMAGE})


async def test_an_image_is_pulled_before_the_container_is_created():
    host = InMemoryEdgeHost(set(), pullable={IMAGE})
    await ensure_started(host, PLAIN, OWNER)
    assert host.images == {IMAGE}


@pytest.mark.parametrize(
    ("ended", "looks"),
    [(None, 1), (Outcome(exit_code=1), 2), (Outcome(result=success({})), 1), (RUNS, 1)],
)
async def test_what_is_looked_at_before_a_start_is_looked_at_only_before_a_start(host, ended, looks):
    looked = []

    async def look() -> None:
        looked.append(host.containers.get(PLAIN.name))

    if ended is not None:
        host.outcomes[PLAIN.name] = [ended, RUNS]
        await ensure_started(host, PLAIN, OWNER, look)
    await ensure_started(host, PLAIN, NEXT_TRY, look)
    assert len(looked) == looks


@pytest.mark.parametrize("calls", range(14))
async def test_a_worker_may_die_between_any_two_calls(host, calls):
    """Whoever comes next finds, starts or adopts the one container."""
    with suppress(Crash):
        await ensure_started(CrashingHost(host, calls), PLAIN, OWNER)
    await ensure_started(host, PLAIN, NEXT_TRY)
    assert list(host.containers) == [PLAIN.name]
    assert host.containers[PLAIN.name].status == "exited"
    assert await ownership.watchers(host, PLAIN.name) == [NEXT_TRY]
    await collect(host, PLAIN.name)


@pytest.mark.parametrize("calls", range(20))
async def test_a_worker_may_die_anywhere_while_it_replaces_a_failed_container(host, calls):
    host.outcomes[PLAIN.name] = [Outcome(exit_code=1), RUNS]
    await ensure_started(host, PLAIN, OWNER)
    with suppress(Crash):
        await ensure_started(CrashingHost(host, calls), PLAIN, NEXT_TRY)
    await ensure_started(host, PLAIN, NEXT_TRY)
    assert sorted(host.containers) == [PLAIN.name, f"{PLAIN.name}.failed-1"]
    assert host.containers[PLAIN.name].status == "running"


async def test_the_owner_is_recorded_before_the_container_runs(host):
    """A kill meant for the failed try before must not find its own name on the new container."""
    host.outcomes[PLAIN.name] = [Outcome(exit_code=1), RUNS]
    await ensure_started(host, PLAIN, OWNER)
    calls = 0
    while PLAIN.name not in host.containers or host.containers[PLAIN.name].status != "running":
        calls += 1
        with suppress(Crash):
            await ensure_started(CrashingHost(host, calls), PLAIN, NEXT_TRY)
    assert await give_up(host, PLAIN.name, OWNER, 1, "killed") is False
    assert host.containers[PLAIN.name].status == "running"


async def test_a_job_that_two_runs_wait_for_is_stopped_by_the_last_one(host):
    host.outcomes[PLAIN.name] = [RUNS]
    await ensure_started(host, PLAIN, OWNER)
    await ensure_started(host, PLAIN, OTHER_RUN)
    assert await give_up(host, PLAIN.name, OWNER, 1, "killed") is False
    assert host.containers[PLAIN.name].status == "running"
    assert await give_up(host, PLAIN.name, OTHER_RUN, 1, "killed") is True
    assert host.containers[PLAIN.name].status == "exited"


async def test_giving_up_what_is_not_there_is_nothing(host):
    assert await give_up(host, PLAIN.name, OWNER, 1, "killed") is False


async def test_two_tries_that_find_the_same_failure_set_it_aside_once():
    host = InMemoryEdgeHost({IMAGE})
    host.outcomes[PLAIN.name] = [Outcome(exit_code=1), RUNS, RUNS]
    await ensure_started(host, PLAIN, OWNER)

    class Late(InMemoryEdgeHost):
        """Between this worker's first look and its next call, another one does the whole of it."""

        done = False

        async def inspect(self, name):
            state = await super().inspect(name)
            if not Late.done and name == PLAIN.name:
                Late.done = True
                await ensure_started(host, PLAIN, OTHER_RUN)
            return state

    late = Late(set())
    vars(late).update(vars(host))
    await ensure_started(late, PLAIN, NEXT_TRY)
    running = [n for n, c in host.containers.items() if c.status == "running"]
    assert running == [PLAIN.name]


async def interrupted(host: InMemoryEdgeHost, outcomes: list[Outcome]) -> None:
    """Start the job and let its VM take it down."""
    host.outcomes[PLAIN.name] = outcomes
    await ensure_started(host, PLAIN, OWNER)
    host.containers[PLAIN.name].end(KILLED)


async def test_an_interrupted_container_is_started_again_and_is_the_same_one(host):
    await interrupted(host, [RUNS, Outcome(result=success({"a": 1}))])
    before = host.containers[PLAIN.name].id
    assert "started again (1 of at most 2)" in await go_on(host, await host.inspect(PLAIN.name), 2)
    assert host.containers[PLAIN.name].id == before
    assert await collect(host, PLAIN.name) == {"a": 1}


async def test_a_reboot_is_told_apart_from_a_kill(host):
    await interrupted(host, [RUNS] * 3)
    assert "somebody on the VM ended it" in await go_on(host, await host.inspect(PLAIN.name), 5)
    host.containers[PLAIN.name].end(KILLED)
    host.boot = "boot-2"
    assert "the VM was restarted" in await go_on(host, await host.inspect(PLAIN.name), 5)


async def test_a_job_is_not_started_again_for_ever(host):
    await interrupted(host, [RUNS] * 9)
    for _ in range(2):
        await go_on(host, await host.inspect(PLAIN.name), 2)
        host.containers[PLAIN.name].end(KILLED)
    with pytest.raises(errors.JobInterrupted, match="was interrupted 3 times, the last time because"):
        await go_on(host, await host.inspect(PLAIN.name), 2)


async def test_another_container_on_the_same_volume_begins_to_count_anew(host):
    await interrupted(host, [RUNS] * 3)
    await go_on(host, await host.inspect(PLAIN.name), 2)
    host.containers[PLAIN.name].end(KILLED)
    state = await ensure_started(host, PLAIN, NEXT_TRY)
    assert (await read_starts(host, state)).boot_ids == ("boot-1",)


@pytest.mark.parametrize("result", [None, b'{"outcome":"succeeded","protocol":0,"value":{}}'])
async def test_a_success_nobody_can_read_does_not_block_the_next_try(host, result):
    host.outcomes[PLAIN.name] = [Outcome(result=result), Outcome(result=success({"a": 1}))]
    await ensure_started(host, PLAIN, OWNER)
    with pytest.raises(errors.Final):
        await collect(host, PLAIN.name)
    await ensure_started(host, PLAIN, NEXT_TRY)
    assert await collect(host, PLAIN.name) == {"a": 1}
