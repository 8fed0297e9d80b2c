"""A GPU is used by one job at a time, whoever crashes with its lease."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.fakes.edge_host import InMemoryEdgeHost, Outcome, success
from tests.jobs import IMAGE, NEXT_TRY, OTHER_RUN, OWNER, PLAIN, Said

from edge_training import leases, ownership, watching
from edge_training.errors import SiteBusy
from edge_training.jobs import EdgeJob
from edge_training.lifecycle import ensure_started, set_aside
from edge_training.ports.edge_host import Limits
from edge_training.watching import START, watch

RUNS = Outcome(runs=True)
FIRST = replace(PLAIN, key="1a" * 32, limits=Limits(gpu_ids=("GPU-0", "GPU-1")))
SECOND = replace(PLAIN, key="2b" * 32, limits=Limits(gpu_ids=("GPU-1",)))
ON_GPU_0 = replace(PLAIN, key="4d" * 32, limits=Limits(gpu_ids=("GPU-0",)))
ENDED, KILLED = 0, 137


@pytest.fixture
def host(monkeypatch) -> InMemoryEdgeHost:
    """A site on which the first job runs and has both GPUs."""
    monkeypatch.setattr(watching, "TURN_PAUSE_S", 0.0)
    made = InMemoryEdgeHost({IMAGE})
    made.outcomes[FIRST.name] = [RUNS] * 9
    made.outcomes[SECOND.name] = [Outcome(lines=("second",), result=success({}))] * 9
    return made


def held(host: InMemoryEdgeHost) -> dict[str, str]:
    """Who has leased which GPU."""
    return {
        name.removeprefix("edge-lease-"): found.spec.labels["edge-training.job"]
        for name, found in host.containers.items()
        if name.startswith("edge-lease-")
    }


async def status(host: InMemoryEdgeHost, name: str) -> str:
    return host.containers[name].status


async def test_a_job_whose_gpu_is_in_use_stays_created(host):
    await ensure_started(host, FIRST, OWNER)
    assert (await ensure_started(host, SECOND, OTHER_RUN)).status == "created"


async def test_it_is_started_by_its_watch_when_the_gpu_is_free(host):
    await ensure_started(host, FIRST, OWNER)
    await ensure_started(host, SECOND, OTHER_RUN)
    said = Said()

    async def watched() -> None:
        async for _ in watch(host, SECOND.name, OTHER_RUN, START, said, 3):
            pass

    async def first_ends() -> None:
        while not said.lines:
            await asyncio.sleep(0)
        assert await status(host, SECOND.name) == "created"
        host.containers[FIRST.name].end(ENDED)

    await asyncio.gather(watched(), first_ends())
    assert said.lines == [f"{SECOND.name} waits for GPU-1, which {FIRST.name} uses.", "second"]


async def test_other_gpus_are_free(host):
    await ensure_started(host, SECOND, OWNER)
    other = replace(PLAIN, key="3c" * 32, limits=Limits(gpu_ids=("GPU-2",)))
    host.outcomes[other.name] = [RUNS]
    assert (await ensure_started(host, other, OTHER_RUN)).status == "running"


async def test_a_job_without_gpus_waits_for_nobody(host):
    await ensure_started(host, FIRST, OWNER)
    host.outcomes[PLAIN.name] = [RUNS]
    assert (await ensure_started(host, PLAIN, OTHER_RUN)).status == "running"


async def test_a_job_that_is_started_again_keeps_its_lease(host):
    state = await ensure_started(host, FIRST, OWNER)
    await leases.acquire(host, state)
    assert {name for name in host.containers if "lease" in name} == {"edge-lease-GPU-0", "edge-lease-GPU-1"}


@pytest.mark.parametrize("gone", ["ended", "removed", "set aside", "left before its start"])
async def test_the_lease_of_a_job_that_is_over_is_taken(host, gone):
    state = await ensure_started(host, FIRST, OWNER)
    if gone == "ended":
        host.containers[FIRST.name].end(ENDED)
    elif gone == "removed":
        await host.remove(FIRST.name)
    elif gone == "set aside":
        host.containers[FIRST.name].end(1)
        await set_aside(host, state)
    else:
        host.containers[FIRST.name].status = "created"
        await ownership.release(host, FIRST.name, OWNER)
    assert (await ensure_started(host, SECOND, OTHER_RUN)).status == "exited"


async def test_a_job_that_waits_for_one_gpu_keeps_no_other(host):
    host.outcomes[SECOND.name] = [RUNS]
    await ensure_started(host, SECOND, OTHER_RUN)
    assert (await ensure_started(host, FIRST, OWNER)).status == "created"
    assert held(host) == {"GPU-1": SECOND.name}
    host.outcomes[ON_GPU_0.name] = [RUNS]
    assert (await ensure_started(host, ON_GPU_0, OTHER_RUN)).status == "running"


class Overtaken(InMemoryEdgeHost):
    """A watcher's view of a site: while it gives back the lease of GPU-0, the job of GPU-1 ends and another
    watcher starts the waiting job.

    Attributes:
        before: The call before which that happens.
        then: What follows at once after the lease was removed.
    """

    def __init__(self, host: InMemoryEdgeHost, before: str, then: EdgeJob | None = None) -> None:
        vars(self).update(vars(host))
        self._real, self._before, self._then = host, before, then

    async def inspect(self, name):
        await self._overtake("inspect", name == "edge-lease-GPU-0")
        return await super().inspect(name)

    async def remove(self, name):
        await self._overtake("remove", name == self.containers["edge-lease-GPU-0"].id)
        await super().remove(name)
        if self._then:
            await ensure_started(self._real, self._then, OTHER_RUN)

    async def _overtake(self, call: str, is_the_lease: bool) -> None:
        if call == self._before and is_the_lease:
            self._before = ""
            self.containers[SECOND.name].end(ENDED)
            await ensure_started(self._real, FIRST, NEXT_TRY)


@pytest.mark.parametrize("before", ["inspect", "remove"])
async def test_a_job_that_is_started_while_its_leases_are_given_back_has_them(host, before):
    host.outcomes[SECOND.name] = [RUNS]
    await ensure_started(host, SECOND, OTHER_RUN)
    await ensure_started(Overtaken(host, before), FIRST, OWNER)
    assert await status(host, FIRST.name) == "running"
    assert held(host) == {"GPU-0": FIRST.name, "GPU-1": FIRST.name}


async def test_a_job_that_is_started_while_its_lease_goes_to_another_is_stopped(host):
    host.outcomes[SECOND.name], host.outcomes[ON_GPU_0.name] = [RUNS], [RUNS]
    await ensure_started(host, SECOND, OTHER_RUN)
    await ensure_started(Overtaken(host, "remove", then=ON_GPU_0), FIRST, OWNER)
    assert [await status(host, job.name) for job in (FIRST, ON_GPU_0)] == ["exited", "running"]
    assert held(host)["GPU-0"] == ON_GPU_0.name


async def test_a_job_that_is_about_to_start_keeps_its_lease(host):
    state = await ensure_started(host, FIRST, OWNER)
    host.containers[FIRST.name].status = "created"
    with pytest.raises(SiteBusy, match="waits for GPU-1"):
        await leases.acquire(host, replace(state, name="another", labels={"edge-training.gpus": "GPU-1"}))


async def test_an_interrupted_job_keeps_its_lease_while_somebody_watches_it(host):
    """Whoever watches it is about to start it again."""
    await ensure_started(host, FIRST, OWNER)
    host.containers[FIRST.name].end(KILLED)
    assert (await ensure_started(host, SECOND, OTHER_RUN)).status == "created"
    await ownership.release(host, FIRST.name, OWNER)
    assert (await ensure_started(host, SECOND, OTHER_RUN)).status == "exited"


async def test_a_job_that_is_taken_up_while_its_lease_is_taken_keeps_the_gpu(host):
    """Its new try has found its own lease, which the other one removes a moment later."""
    state = await ensure_started(host, FIRST, OWNER)
    host.containers[FIRST.name].end(KILLED)
    await ownership.release(host, FIRST.name, OWNER)

    class TakenUp(InMemoryEdgeHost):
        async def remove(self, name):
            if not await ownership.watchers(host, FIRST.name):
                await ownership.claim(host, FIRST.name, NEXT_TRY)
                await leases.acquire(host, state)
            await super().remove(name)

    between = TakenUp(set())
    vars(between).update(vars(host))
    assert (await ensure_started(between, SECOND, OTHER_RUN)).status == "created"
    assert "edge-lease-GPU-1" not in host.containers
    await leases.acquire(host, state)
    with pytest.raises(SiteBusy, match=f"waits for GPU-1, which {FIRST.name} uses"):
        await leases.acquire(host, await host.inspect(SECOND.name))


async def test_of_two_that_find_a_stale_lease_one_gets_it(host):
    """The slower one removes the lease it has seen, by its id, and not the new one of its name."""
    await ensure_started(host, FIRST, OWNER)
    host.containers[FIRST.name].end(ENDED)
    third = replace(PLAIN, key="3c" * 32, limits=Limits(gpu_ids=("GPU-1",)))
    host.outcomes[SECOND.name], host.outcomes[third.name] = [RUNS], [RUNS]

    class Slow(InMemoryEdgeHost):
        async def remove(self, name):
            await asyncio.sleep(0)
            await super().remove(name)

        async def inspect(self, name):
            found = await super().inspect(name)
            await asyncio.sleep(0)
            return found

    slow = Slow(set())
    vars(slow).update(vars(host))
    states = await asyncio.gather(ensure_started(slow, SECOND, OWNER), ensure_started(slow, third, OTHER_RUN))
    assert sorted(state.status for state in states) == ["created", "running"]
