"""What a failed pull means: a registry that is out of reach is tried again, a refusal is not. And what a lost
line means.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from types import SimpleNamespace

import aiodocker
import pytest

from edge_training.adapters.docker_over_ssh import DockerOverSsh, pull_failure
from edge_training.errors import DiskFull, SiteUnreachable

IMAGE = f"registry.example/edge/training@sha256:{'1' * 64}"


@pytest.mark.parametrize(
    ("reason", "retryable"),
    [
        ('Get "https://registry.example/v2/": dial tcp 10.0.0.1:443: connect: connection refused', True),
        ("net/http: TLS handshake timeout", True),
        ("received unexpected HTTP status: 503 Service Unavailable", True),
        ('Head "https://registry.example/v2/": no basic auth credentials', False),
        ("manifest for registry.example/edge/training@sha256:11 not found: manifest unknown", False),
    ],
)
def test_only_a_registry_out_of_reach_is_tried_again(reason, retryable):
    error = pull_failure(IMAGE, reason)
    assert error.retryable is retryable
    assert IMAGE in str(error)
    assert reason in str(error)


def test_a_pull_that_fills_the_disk_asks_for_room():
    error = pull_failure(IMAGE, "write /var/lib/docker/tmp/x: no space left on device")
    assert isinstance(error, DiskFull)
    assert "no room for the image" in str(error)


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
