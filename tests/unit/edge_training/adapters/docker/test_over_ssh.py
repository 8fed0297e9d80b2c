"""What a lost line means, and what becomes of a stream that nobody reads on."""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager
from types import SimpleNamespace

import aiodocker
import pytest

from edge_training.adapters.docker.over_ssh import DockerOverSsh
from edge_training.errors import SiteUnreachable
from edge_training.ports.edge_host import LogLine


class CutOff:
    """aiodocker's container, and its stream, when the line is lost just after the start."""

    @asynccontextmanager
    async def attach(self, **_: object):
        yield self

    async def start(self) -> None:
        pass

    async def write_in(self, message: bytes) -> None:
        raise AssertionError  # `assert transport is not None`, in aiodocker.stream

    async def show(self) -> None:
        raise aiodocker.DockerError(900, "Cannot connect to Docker Engine")


def host_of(container: object) -> DockerOverSsh:
    """The adapter, for which every container is this one."""
    docker = SimpleNamespace(containers=SimpleNamespace(container=lambda name: container))
    target = SimpleNamespace(docker_socket="/run/docker.sock")
    link = SimpleNamespace(target=target, connection=None, files=None, session=None, docker=docker)
    return DockerOverSsh(link)


async def test_a_line_lost_between_start_and_delivery_leads_to_another_delivery():
    with pytest.raises(SiteUnreachable, match="Cannot connect to Docker Engine"):
        await host_of(CutOff()).start("edge-train-1", b"secrets")


class Talking:
    """aiodocker's container with an endless log."""

    def __init__(self) -> None:
        self.is_open = False
        self.asked: list[dict[str, object]] = []

    def log(self, **options: object):
        self.asked.append(options)
        return self._stream() if options["follow"] else self._last(options["tail"])

    async def _stream(self):
        self.is_open = True
        try:
            while True:
                yield "2026-11-23T12:00:00Z on and on\n"
        finally:
            self.is_open = False

    async def _last(self, count: int) -> list[str]:
        return ["2026-11-23T12:00:00Z bye", "2026-11-23T12:00:00Z bye\n"][-count:]


async def test_a_log_that_nobody_reads_on_is_closed():
    container = Talking()
    async with aclosing(host_of(container).logs("edge-train-1", "")) as lines:
        assert (await anext(lines)).text == "on and on"
        assert container.is_open
    assert not container.is_open


async def test_only_the_end_of_a_log_is_fetched_for_its_last_lines():
    container = Talking()
    assert await host_of(container).tail("edge-train-1", 2) == [LogLine("2026-11-23T12:00:00Z", "byebye")]
    assert [(options["follow"], options["tail"]) for options in container.asked] == [(False, 2)]
