"""What Docker's errors mean, and that each names its remedy in one line."""

from __future__ import annotations

import json
import tarfile

import aiodocker
import aiohttp
import asyncssh
import pytest

from edge_training.adapters.docker.faults import LONGEST_REASON, pull_failure, translated
from edge_training.adapters.ssh.target import SshTarget
from edge_training.errors import (
    DiskFull,
    EdgeError,
    JobInterrupted,
    SiteFailing,
    SiteNotReady,
    SiteRefused,
    SiteUnreachable,
)

IMAGE = f"registry.example/edge/training@sha256:{'1' * 64}"
TARGET = SshTarget("vm.test", 22, "edge", "KEY", "ssh-ed25519 AAAA", "/run/docker.sock")
READ_ONLY = "open /var/lib/docker/containers/1/hosts: read-only file system"
NO_MOUNTPOINT = "OCI runtime create failed: runc create failed: mkdir /data: read-only file system"
PAGE = "<html>\n<head><title>502 Bad Gateway</title></head>" + "<p>sorry</p>" * 100 + "</html>"


def meaning(error: Exception) -> EdgeError:
    with pytest.raises(EdgeError) as caught, translated(TARGET):
        raise error
    return caught.value


@pytest.mark.parametrize(
    ("error", "kind", "remedy"),
    [
        (aiodocker.DockerError(500, READ_ONLY), SiteNotReady, "mount it writable again"),
        (aiodocker.DockerError(500, "write /data/x: no space left on device"), DiskFull, "free some"),
        (aiodocker.DockerError(500, NO_MOUNTPOINT), SiteFailing, "look at its daemon's log"),
        (aiodocker.DockerError(500, "port is already allocated"), SiteRefused, "another one"),
        (aiodocker.DockerError(500, PAGE), SiteFailing, "correct docker_socket"),
        (aiodocker.DockerError(404, PAGE), SiteFailing, "correct docker_socket"),
        (aiodocker.DockerError(500, "context deadline exceeded"), SiteFailing, "look at its daemon's log"),
        (aiodocker.DockerError(900, "Cannot connect"), SiteUnreachable, "check that the daemon runs"),
        (aiodocker.DockerError(404, "No such container: x"), JobInterrupted, "the next try"),
        (aiodocker.DockerError(400, "invalid mount"), SiteRefused, "correct the request"),
        (json.JSONDecodeError("Expecting value", "{", 1), SiteFailing, "correct docker_socket"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"), SiteFailing, "correct docker_socket"),
        (TypeError("Unrecognized response type: image/png"), SiteFailing, "correct docker_socket"),
        (KeyError("State"), SiteFailing, "correct docker_socket"),
        (tarfile.ReadError("truncated header"), SiteFailing, "correct docker_socket"),
        (aiohttp.ClientPayloadError("not completed"), SiteUnreachable, "check that the daemon runs"),
        (aiohttp.ServerDisconnectedError(), SiteUnreachable, "check that the daemon runs"),
        (asyncssh.ConnectionLost("Connection lost"), SiteUnreachable, "check that the daemon runs"),
        (TimeoutError(), SiteUnreachable, "check that the daemon runs"),
    ],
)
def test_every_fault_names_site_and_remedy(error, kind, remedy):
    found = meaning(error)
    assert type(found) is kind
    assert "edge@vm.test:22" in str(found)
    assert remedy in str(found)


def test_a_sentence_stays_one_line_whatever_docker_says():
    sentence = str(meaning(aiodocker.DockerError(500, "no\nend " * 1000)))
    assert "\n" not in sentence
    assert len(sentence) < LONGEST_REASON + 200


def test_an_error_of_ours_keeps_its_kind():
    assert type(meaning(JobInterrupted("again"))) is JobInterrupted


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
