"""What a failed pull means: a registry that is out of reach is tried again, a refusal is not."""

from __future__ import annotations

import pytest

from edge_training.adapters.docker_over_ssh import pull_failure
from edge_training.errors import DiskFull

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
