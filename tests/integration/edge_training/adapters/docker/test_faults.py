"""A real Docker engine whose disk has become read-only, as the kernel makes it after errors."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import docker
import pytest
import requests
from tests.real_host import target

from edge_training.adapters.docker.faults import translated
from edge_training.adapters.docker.site_link import open_link
from edge_training.errors import SiteNotReady
from local_site.packages import program

START_LIMIT_S = 30
NEVER_WRITTEN_AGAIN = ("containers", "image", "tmp", "vfs")
"""Of the engine's directories, those in which it keeps no file open: only they can be made read-only."""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run an engine and mount read-only")


@pytest.fixture
def read_only_engine() -> Iterator[Path]:
    """The socket of an engine of the test's own, with one image and a disk that turned read-only."""
    folder = Path(tempfile.mkdtemp(prefix="edge-ro-"))
    (folder / "daemon.json").write_text("{}")
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command(folder), stdout=log, stderr=log)
        stack.callback(process.wait)
        stack.callback(process.terminate)
        client = answering(folder / "d.sock")
        stack.callback(client.close)
        client.api.import_image_from_data(empty_tar(), repository="empty", tag="1")
        for name in NEVER_WRITTEN_AGAIN:
            path = folder / "data" / name
            subprocess.run(["mount", "--bind", path, path], check=True)
            stack.callback(subprocess.run, ["umount", path], check=True)
            subprocess.run(["mount", "-o", "remount,bind,ro", path], check=True)
        yield folder / "d.sock"


def command(folder: Path) -> list[str]:
    """An engine without network or a trace of another one."""
    options = {
        "config-file": "daemon.json",
        "data-root": "data",
        "exec-root": "exec",
        "pidfile": "pid",
    }
    places = [f"--{name}={folder / place}" for name, place in options.items()]
    rest = ["--bridge=none", "--iptables=false", "--storage-driver=vfs", f"--host=unix://{folder}/d.sock"]
    return [program("dockerd"), *places, *rest]


def answering(socket: Path) -> docker.DockerClient:
    """A client of the engine, once it answers."""
    deadline = time.monotonic() + START_LIMIT_S
    client = docker.DockerClient(base_url=f"unix://{socket}", version="1.41")
    while True:
        try:
            client.ping()
        except requests.ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return client


def empty_tar() -> bytes:
    """An image of nothing."""
    buffer = io.BytesIO()
    tarfile.open(fileobj=buffer, mode="w").close()
    return buffer.getvalue()


async def test_an_engine_on_a_read_only_disk_is_named(site, read_only_engine):
    vm = target(site, docker_socket=str(read_only_engine))
    link = await open_link(vm)
    try:
        with pytest.raises(SiteNotReady, match="repair it and mount it writable again"), translated(vm):
            await link.docker.containers.create({"Image": "empty:1", "Cmd": ["/none"]}, name="edge-none")
    finally:
        await link.close()
