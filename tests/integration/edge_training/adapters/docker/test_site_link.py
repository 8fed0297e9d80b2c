"""A VM that is broken or hostile gets one sentence that names the remedy; real sshd, whatever behind it."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.real_host import real_host, target
from tests.standins.vm import Answer, Vm, answering, docker_that_says, http, running_vm

from edge_training.adapters.docker.over_ssh import connect
from edge_training.adapters.ssh.target import SshTarget
from edge_training.errors import EdgeError, SiteFailing, SiteRefused, SiteUnreachable

PAGE = b"<html><body>502 Bad Gateway</body></html>"
UNPRIVILEGED = "nobody" if os.geteuid() == 0 else getpass.getuser()
"""Somebody who may not do everything; sshd can only log others in when it runs as root."""


@pytest.fixture
def vm() -> Iterator[Vm]:
    """A VM whose SSH user has no privileges."""
    with running_vm(UNPRIVILEGED) as vm:
        yield vm


@pytest.fixture
def vm_without_sftp() -> Iterator[Vm]:
    """A VM whose sshd was told not to offer SFTP."""
    with running_vm(UNPRIVILEGED, sftp=False) as vm:
        yield vm


async def refused(target: SshTarget, kind: type[EdgeError]) -> str:
    """What an attempt to use the site's Docker ends with."""
    with pytest.raises(EdgeError) as caught:
        async with connect(target) as host:
            await host.inspect("edge-train-none")
    assert type(caught.value) is kind, caught.value
    sentence = str(caught.value)
    assert str(target) in sentence
    assert target.docker_socket in sentence
    assert "\n" not in sentence
    return sentence


async def test_the_real_daemon_is_let_through_and_nothing_listens_on_this_machine(
    site, tmp_path, monkeypatch
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with real_host(site) as host:
        assert await host.inspect("edge-train-none") is None
        assert list(tmp_path.iterdir()) == []


async def test_a_docker_socket_that_is_gone_is_named(site):
    sentence = await refused(target(site, docker_socket="/run/no-docker.sock"), SiteUnreachable)
    assert "There is no Docker socket" in sentence
    assert "start Docker there, or correct docker_socket" in sentence


async def test_a_socket_that_a_dead_daemon_left_behind_is_told_from_one_that_is_gone(site, tmp_path):
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "d.sock"))
    sentence = await refused(target(site, docker_socket=str(tmp_path / "d.sock")), SiteUnreachable)
    assert "Nobody answers behind" in sentence
    assert "start the Docker daemon" in sentence


async def test_a_socket_that_the_user_may_not_use_is_refused_with_the_remedy(vm):
    path = vm.folder / "d.sock"
    async with answering(path, docker_that_says()):
        path.chmod(0o600 if os.geteuid() == 0 else 0)
        sentence = await refused(vm.target(path), SiteRefused)
    assert f"add {vm.user} to the VM's group docker" in sentence


async def test_without_sftp_the_sentence_still_names_what_to_check(vm_without_sftp):
    path = vm_without_sftp.folder / "d.sock"
    sentence = await refused(vm_without_sftp.target(path), SiteUnreachable)
    assert "check that the daemon runs and that the SSH user may use it" in sentence


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", id="not HTTP"),
        pytest.param(http(PAGE, "text/html"), id="a web page"),
        pytest.param(http(PAGE, "text/html", "500 Internal Server Error"), id="500 with a web page"),
        pytest.param(http(b'{"ApiVersion": "1.4'), id="broken JSON"),
        pytest.param(http(b"\xff\xfe{}"), id="not UTF-8"),
        pytest.param(http(b"[]"), id="another JSON"),
        pytest.param(http(b"{}"), id="no version"),
        pytest.param(http(b'{"ApiVersion": "new", "MinAPIVersion": "old"}'), id="no number"),
    ],
)
async def test_a_docker_that_answers_garbage_is_named(vm, answer):
    path = vm.folder / "d.sock"
    async with answering(path, lambda _: answer):
        open_to_all(path)
        sentence = await refused(vm.target(path), SiteFailing)
    assert "does not answer as Docker does" in sentence
    assert "restart the daemon, or correct docker_socket in the site's connection" in sentence


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(http(b'{"ApiVersion": "1.41"}')[:-9], id="truncated"),
    ],
)
async def test_a_docker_that_breaks_off_is_out_of_reach(vm, answer):
    path = vm.folder / "d.sock"
    async with answering(path, lambda _: answer):
        open_to_all(path)
        sentence = await refused(vm.target(path), SiteUnreachable)
    assert "check that the daemon runs" in sentence


@pytest.mark.parametrize(
    "later",
    [
        pytest.param(b"\x00\x01\x02\r\n\r\n", id="not HTTP"),
        pytest.param(http(b'{"State": '), id="broken JSON"),
        pytest.param(http(b'{"State": {}}'), id="no fields"),
        pytest.param(http(b"x", "image/png"), id="an image"),
        pytest.param(http(b'{"error": 1}', status="500 Internal Server Error"), id="500 without message"),
        pytest.param(http(PAGE, "text/html", "500 Internal Server Error"), id="500 with a web page"),
    ],
)
async def test_garbage_that_comes_later_is_named_as_well(vm, later):
    path = vm.folder / "d.sock"
    async with answering(path, good_at_first(later)):
        open_to_all(path)
        sentence = await refused(vm.target(path), SiteFailing)
    assert "does not answer as Docker does" in sentence


async def test_a_daemon_that_dropped_our_version_of_the_api_is_spoken_to_in_its_own(vm):
    path = vm.folder / "d.sock"
    asked: list[str] = []

    def answer(request_path: str) -> bytes:
        asked.append(request_path)
        return docker_that_says(ApiVersion="1.52", MinAPIVersion="1.44")(request_path)

    async with answering(path, answer):
        open_to_all(path)
        with suppress(EdgeError):
            async with connect(vm.target(path)) as host:
                await host.inspect("edge-train-none")
    assert asked == ["/version", "/v1.44/containers/edge-train-none/json"]


def good_at_first(later: bytes) -> Answer:
    """A daemon that greets well and then loses its mind."""
    greeting = docker_that_says()
    return lambda path: greeting(path) if path == "/version" else later


def open_to_all(path: Path) -> None:
    """Let the VM's user connect."""
    path.chmod(0o666)
