"""One SSH connection for all jobs of a process, on a real sshd: counted, cut, silenced, forked."""

from __future__ import annotations

import asyncio
import getpass
import os
import uuid
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from tests.real_host import Door, engine, real_host, target
from tests.standins.vm import running_vm

from edge_training.adapters.docker import shared_site
from edge_training.adapters.docker.over_ssh import DockerOverSsh, connect
from edge_training.adapters.docker.site_link import open_link
from edge_training.adapters.ssh.target import Patience
from edge_training.errors import SiteUnreachable

JOBS = 200


async def asked_until_it_fails(host: DockerOverSsh) -> None:
    """Questions until the cut is noticed."""
    while True:
        await host.inspect("edge-train-none")


@pytest.fixture
def runs_on(site) -> Iterator[str]:
    """A container that goes on until the test is over."""
    behind = engine(site)
    name = f"edge-shared-{uuid.uuid4().hex}"
    behind.names.append(name)
    behind.client.containers.run(
        site.training_image, ["sleep", "600"], name=name, network_mode="none", init=True, detach=True
    )
    yield name
    behind.clean_up()


async def test_200_jobs_share_one_connection_within_the_limits_that_sshd_has_by_itself(site, runs_on):
    """While all of them wait for their container, which holds 200 requests open, others are answered too; an
    HTTP client by itself stops at 100.
    """
    with running_vm(getpass.getuser()) as vm:
        async with Door("127.0.0.1", vm.port) as door, AsyncExitStack() as stack:
            near = replace(vm.target(site.docker_socket), port=door.port)
            hosts = [await stack.enter_async_context(connect(near)) for _ in range(JOBS)]
            waits = [asyncio.create_task(host.wait(runs_on)) for host in hosts]
            await asyncio.gather(*(host.inspect(runs_on) for host in hosts))
            assert not any(wait.done() for wait in waits)
            await hosts[0].stop(runs_on, 1)
            assert {state.status for state in await asyncio.gather(*waits)} == {"exited"}
            assert door.callers == 1


async def test_after_a_cut_all_come_back_on_one_new_connection(site):
    async with Door(site.ssh_host, site.ssh_port) as door:

        async def watch(cut: asyncio.Event) -> None:
            async with real_host(site, port=door.port) as host:
                await cut.wait()
                with pytest.raises(SiteUnreachable):
                    await asked_until_it_fails(host)
            async with real_host(site, port=door.port) as host:
                assert await host.inspect("edge-train-none") is None

        cut = asyncio.Event()
        watches = [asyncio.create_task(watch(cut)) for _ in range(20)]
        async with real_host(site, port=door.port) as host:
            await host.inspect("edge-train-none")
            door.slam()
            cut.set()
            await asyncio.gather(*watches)
        assert door.callers == 2


async def test_who_holds_a_broken_connection_does_not_keep_others_from_a_new_one(site):
    async with Door(site.ssh_host, site.ssh_port) as door, real_host(site, port=door.port) as old:
        door.slam()
        with pytest.raises(SiteUnreachable):
            await asked_until_it_fails(old)
        async with real_host(site, port=door.port) as new:
            assert await new.inspect("edge-train-none") is None


async def test_200_jobs_make_one_attempt_on_a_site_that_is_down(site, free_port):
    async def come() -> str:
        with pytest.raises(SiteUnreachable) as caught:
            async with real_host(site, port=free_port):
                pass
        return str(caught.value)

    ends = await asyncio.gather(*(come() for _ in range(JOBS)))
    assert len(set(ends)) == 1


async def test_another_target_is_another_connection(site):
    async with (
        Door(site.ssh_host, site.ssh_port) as door,
        real_host(site, port=door.port),
        real_host(site, port=door.port, boot_id_path="/other"),
    ):
        assert door.callers == 2


async def test_a_silent_link_is_given_up_and_its_calls_end(site):
    """A black hole: nobody hangs up, nothing comes back, and a followed log would wait for ever."""
    patience = Patience(keepalive_s=0.2, keepalives=2)
    async with Door(site.ssh_host, site.ssh_port) as door:
        link = await open_link(replace(target(site), port=door.port), patience)
        door.silent = True
        with pytest.raises(SiteUnreachable):
            await link.files.read("/etc/hostname", "create it")
        assert link.is_broken()
        await link.close()


async def test_an_sshd_that_accepts_and_says_nothing_is_out_of_reach(site):
    async with Door(site.ssh_host, site.ssh_port) as door:
        door.silent = True
        with pytest.raises(SiteUnreachable, match="does not answer over SSH"):
            await open_link(replace(target(site), port=door.port), Patience(tcp_s=5, login_s=0.5))


def test_a_loop_that_ended_leaves_nothing_to_the_next(site):
    async def ask() -> None:
        async with connect(target(site)) as host:
            assert await host.inspect("edge-train-none") is None
        assert not shared_site.DOORS

    for _ in range(2):
        asyncio.run(ask())


def test_what_an_aborted_loop_left_behind_is_swept_away(site):
    async def enter_and_stay() -> None:
        await AsyncExitStack().enter_async_context(connect(target(site)))

    loop = asyncio.new_event_loop()
    loop.run_until_complete(enter_and_stay())
    loop.close()

    async def ask() -> None:
        async with connect(target(site)) as host:
            assert await host.inspect("edge-train-none") is None
            assert len(shared_site.DOORS) == 1

    asyncio.run(ask())


async def test_a_forked_child_connects_for_itself_and_the_parents_connection_lives_on(site):
    async with connect(target(site)) as host:
        await host.inspect("edge-train-none")
        child = os.fork()
        if child == 0:
            os._exit(child_exit_code(site))
        _, status = await asyncio.to_thread(os.waitpid, child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert await host.inspect("edge-train-none") is None


def child_exit_code(site) -> int:
    """0 when a child has no door of its parent's, and its own connection works."""

    async def ask() -> None:
        assert not shared_site.DOORS
        async with connect(target(site)) as host:
            await host.inspect("edge-train-none")

    try:
        asyncio.run(ask())
    except BaseException:  # noqa: BLE001 - a child must end here, whatever happened, and not run pytest on
        return 1
    return 0
