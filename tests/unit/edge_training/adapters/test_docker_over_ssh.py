"""What a lost line means."""

from __future__ import annotations

from contextlib import asynccontextmanager
from types import SimpleNamespace

import aiodocker
import pytest

from edge_training.adapters.docker_over_ssh import DockerOverSsh
from edge_training.errors import SiteUnreachable


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


async def test_a_line_lost_between_start_and_delivery_leads_to_another_delivery():
    docker = SimpleNamespace(containers=SimpleNamespace(container=lambda name: CutOff()))
    target = SimpleNamespace(docker_socket="/run/docker.sock")
    link = SimpleNamespace(target=target, connection=None, files=None, session=None, docker=docker)
    with pytest.raises(SiteUnreachable, match="Cannot connect to Docker Engine"):
        await DockerOverSsh(link).start("edge-train-1", b"secrets")
