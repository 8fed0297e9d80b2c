"""A job is started once, adopted, gone on with and stopped, whoever dies in between."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.bundles import FILES, stored
from tests.fakes.crashing import Crash, Crashing
from tests.fakes.edge_host import Container, InMemoryEdgeHost, Outcome, success
from tests.jobs import IMAGE, NEXT_TRY, OTHER_RUN, OWNER, PLAIN, Said

from edge_runner.protocol import JOB_DIR, PAYLOAD_NAME, RESULT_NAME, WORK_NAME
from edge_training import errors, ownership
from edge_training.lifecycle import PROOF_LASTS, ensure_started, give_up, go_on, read_starts, set_aside
from edge_training.outcomes import collect
from edge_training.watching import START, watch

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


@pytest.mark.parametrize(
    ("age", "is_proof"),
    [
        (timedelta(), True),
        (-timedelta(minutes=5), True),
        (PROOF_LASTS, False),
        (None, False),
    ],
)
async def test_ended_job_whose_work_was_evicted_or_may_be_soon_is_done_anew(host, age, is_proof):
    job = replace(PLAIN, proof=f"{JOB_DIR}/proof")
    left = {} if age is None else {"proof": (datetime.now(UTC) - age).isoformat().encode()}
    host.outcomes[job.name] = [
        Outcome(result=success({"n": 1}), files=left),
        Outcome(result=success({"n": 2}), files={"proof": b""}),
    ]
    await ensure_started(host, job, OWNER)
    await ensure_started(host, job, NEXT_TRY)
    assert (await collect(host, job.name))["n"] == (1 if is_proof else 2)


@pytest.mark.parametrize("torn", [b"", b"2026-11-", b"2026-11-26T23", b"\xff"])
async def test_proof_that_a_power_cut_has_torn_is_none(host, torn):
    job = replace(PLAIN, proof=f"{JOB_DIR}/proof")
    host.outcomes[job.name] = [
        Outcome(result=success({"n": number}), files={"proof": torn}) for number in (1, 2)
    ]
    await ensure_started(host, job, OWNER)
    await ensure_started(host, job, NEXT_TRY)
    assert (await collect(host, job.name))["n"] == 2


@pytest.mark.parametrize("calls", range(24))
async def test_a_worker_may_die_between_any_two_calls(host, calls):
    """Whoever comes next finds, starts or adopts the one container."""
    with suppress(Crash):
        await ensure_started(Crashing(host, calls), PLAIN, OWNER)
    await ensure_started(host, PLAIN, NEXT_TRY)
    assert list(host.containers) == [PLAIN.name]
    assert host.containers[PLAIN.name].status == "exited"
    assert await ownership.watchers(host, PLAIN.name) == [NEXT_TRY]
    await collect(host, PLAIN.name)


@pytest.mark.parametrize("calls", range(36))
async def test_a_worker_may_die_anywhere_while_it_replaces_a_failed_container(host, calls):
    host.outcomes[PLAIN.name] = [Outcome(exit_code=1), RUNS]
    await ensure_started(host, PLAIN, OWNER)
    with suppress(Crash):
        await ensure_started(Crashing(host, calls), PLAIN, NEXT_TRY)
    await ensure_started(host, PLAIN, NEXT_TRY)
    assert sorted(host.containers) == [PLAIN.name, f"{PLAIN.name}.failed-1"]
    assert host.containers[PLAIN.name].status == "running"


@pytest.mark.parametrize("calls", range(26))
async def test_a_bundle_is_there_whole_before_its_job_starts_whoever_dies(host, calls, tmp_path):
    job = replace(PLAIN, bundle=stored(tmp_path))
    with suppress(Crash):
        await ensure_started(Crashing(host, calls), job, OWNER)
    await ensure_started(host, job, NEXT_TRY)
    delivered = {path: content for path, content in host.volumes[job.name].items() if "delivered/" in path}
    assert delivered == {f"delivered/{path}": content for path, content in FILES.items()}
    assert host.containers[job.name].status == "exited"


async def test_a_job_that_has_ended_well_is_adopted_without_its_bundle(host, tmp_path):
    job = replace(PLAIN, bundle=stored(tmp_path))
    await ensure_started(host, job, OWNER)
    job.bundle.unlink()
    assert (await ensure_started(host, job, NEXT_TRY)).status == "exited"


class Meddled(InMemoryEdgeHost):
    """A host on which somebody else acts right before a call.

    Args:
        host: The host.
        call: The name of the call.
        meddle: What is done before its first use.
    """

    def __init__(self, host: InMemoryEdgeHost, call: str, meddle: Callable[[], object]) -> None:
        vars(self).update(vars(host))
        found = getattr(self, call)

        async def meddled(*args: object) -> object:
            setattr(self, call, found)
            meddle()
            return await found(*args)

        setattr(self, call, meddled)


async def test_a_container_that_others_start_again_while_it_is_set_aside_is_adopted(host):
    """Another run's trigger goes on with it between this try's look and its renaming."""
    host.outcomes[PLAIN.name] = [RUNS]
    await ensure_started(host, PLAIN, OTHER_RUN)
    host.containers[PLAIN.name].end(KILLED)
    interrupted = host.containers[PLAIN.name]
    meddled = Meddled(host, "rename", lambda: setattr(interrupted, "status", "running"))
    state = await ensure_started(meddled, PLAIN, OWNER)
    assert list(host.containers) == [PLAIN.name]
    assert (state.id, state.status) == (interrupted.id, "running")
    assert await ownership.watchers(host, PLAIN.name) == [OTHER_RUN, OWNER]


async def test_of_a_job_that_runs_twice_the_one_without_the_name_is_stopped(host):
    """Its name was taken before it could be given back."""
    host.outcomes[PLAIN.name] = [RUNS]
    state = await ensure_started(host, PLAIN, OTHER_RUN)
    container = host.containers[PLAIN.name]

    def take_the_name() -> None:
        container.status = "running"
        host.containers[PLAIN.name] = Container(container.spec, status="running")

    container.end(KILLED)

    class NameTaken(InMemoryEdgeHost):
        async def inspect(self, name):
            if name.endswith(".failed-1") and name in host.containers:
                take_the_name()
            return await super().inspect(name)

    taken = NameTaken(set())
    vars(taken).update(vars(host))
    await set_aside(taken, state)
    assert {name: found.status for name, found in host.containers.items()} == {
        f"{PLAIN.name}.failed-1": "exited",
        PLAIN.name: "running",
    }


@pytest.mark.parametrize("call", ["boot_id", "write_file"])
async def test_a_job_that_others_have_finished_meanwhile_is_not_run_again(host, call):
    """Two runs share it; both have seen it created."""
    outcomes = host.outcomes[PLAIN.name] = [Outcome(result=success({})), RUNS]
    await host.create(PLAIN.container())

    def finish() -> None:
        outcomes.pop(0)
        host.containers[PLAIN.name].end(0)
        result = {f"{WORK_NAME}/{RESULT_NAME}": success({}), PAYLOAD_NAME: PLAIN.payload()}
        host.volumes[PLAIN.name].update(result)

    state = await ensure_started(Meddled(host, call, finish), PLAIN, OWNER)
    assert (state.status, len(outcomes)) == ("exited", 1)
    await collect(host, PLAIN.name)


async def test_a_start_that_docker_fails_at_does_not_count(host):
    def fail() -> None:
        raise errors.SiteFailing("Docker fails (500).")

    await host.create(PLAIN.container())
    with pytest.raises(errors.SiteFailing):
        await ensure_started(Meddled(host, "start", fail), PLAIN, OWNER)
    assert (await read_starts(host, await host.inspect(PLAIN.name))).boot_ids == ()


async def test_torn_records_end_nothing(host):
    """A power cut leaves files of length zero."""
    host.outcomes[PLAIN.name] = [RUNS, Outcome(result=success({}))]
    await ensure_started(host, PLAIN, OWNER)
    for path in host.volumes[PLAIN.name]:
        if path.endswith(".json"):
            host.volumes[PLAIN.name][path] = b""
    host.containers[PLAIN.name].end(KILLED)
    said = Said()
    async for _ in watch(host, PLAIN.name, OWNER, START, said, most_restarts=1):
        pass
    await collect(host, PLAIN.name)
    assert await ownership.watchers(host, PLAIN.name) == [OWNER]
    assert any("is started again (1 of at most 1)" in line for line in said.lines)


async def test_the_owner_is_recorded_before_the_container_runs(host):
    """A kill meant for the failed try before must not find its own name on the new container."""
    host.outcomes[PLAIN.name] = [Outcome(exit_code=1), RUNS]
    await ensure_started(host, PLAIN, OWNER)
    calls = 0
    while PLAIN.name not in host.containers or host.containers[PLAIN.name].status != "running":
        calls += 1
        with suppress(Crash):
            await ensure_started(Crashing(host, calls), PLAIN, NEXT_TRY)
    assert await give_up(host, PLAIN.name, OWNER, 1, "killed") is False
    assert host.containers[PLAIN.name].status == "running"


@pytest.mark.parametrize("trouble", [errors.DiskFull("no room"), errors.SiteNotReady("read-only")])
async def test_a_disk_that_takes_no_record_keeps_no_job_running(host, trouble):
    class Unwritable(InMemoryEdgeHost):
        async def write_file(self, *args):
            raise trouble

    host.outcomes[PLAIN.name] = [RUNS]
    await ensure_started(host, PLAIN, OWNER)
    await ensure_started(host, PLAIN, OTHER_RUN)
    unwritable = Unwritable(set())
    vars(unwritable).update(vars(host))
    assert not await give_up(unwritable, PLAIN.name, OWNER, 1, "killed")
    await ownership.release(host, PLAIN.name, OTHER_RUN)
    assert await give_up(unwritable, PLAIN.name, OWNER, 1, "killed")
    assert host.containers[PLAIN.name].status == "exited"


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
    assert "ended from outside by SIGKILL" in await go_on(host, await host.inspect(PLAIN.name), 5)
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
