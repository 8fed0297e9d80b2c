"""An engine of our own: it starts beside others, holds its containers in, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import docker
import psutil
import pytest

from edge_training.identity import LABEL_PREFIX
from local_site.docker_engine import remove_containers_of, start_own_engine, stop_own_engine
from local_site.layout import Layout
from local_site.network import choose_network
from local_site.packages import program
from local_site.processes import Supervisor
from local_site.settings import Ports

REACH = """
import socket, sys
host, port = sys.argv[1].split(":")
try:
    socket.create_connection((host, int(port)), timeout=3)
    print("reached")
except OSError as error:
    print("refused:", error)
"""

pytestmark = pytest.mark.usefixtures("own_engine")


@pytest.fixture
def second(site, site_settings, tmp_path):
    """Layout, settings and supervisor of a second engine, ended at the latest with the test."""
    layout = Layout(tmp_path / "a-long-name-that-no-socket-would-fit-into" / "site", site_settings.cache_dir)
    settings = replace(
        site_settings, state_dir=layout.state_dir, ports=Ports(site_settings.ports.base + 1000)
    )
    layout.state_dir.mkdir(parents=True)
    supervisor = Supervisor(layout)
    yield layout, settings, supervisor
    stop_own_engine(layout, settings, supervisor)


@pytest.fixture
def base_tar(site, site_settings, tmp_path) -> Path:
    """The image that the runtimes stand on, as a file."""
    reference = json.loads((site_settings.state_dir / "base-image.json").read_text())["reference"]
    path = tmp_path / "base.tar"
    client = docker.DockerClient(base_url=f"unix://{site.docker_socket}")
    with path.open("wb") as stream:
        stream.writelines(client.images.get(reference).save())
    client.close()
    return path


def load_base(client, base_tar: Path):
    with base_tar.open("rb") as stream:
        (image,) = client.images.load(stream)
    return image


def start_job(engine, base_tar: Path) -> None:
    with engine.client() as client:
        image = load_base(client, base_tar)
        client.networks.create("edge-storage", internal=True)
        client.containers.run(
            image, ["sleep", "600"], detach=True, network="edge-storage", volumes=["job:/edge/job"]
        )
        client.containers.run(image, ["sleep", "600"], detach=True, ports={"80/tcp": ("127.0.0.1", 0)})


def traces(layout: Layout, settings) -> dict[str, list[str]]:
    """What an engine with this layout has on the machine."""
    places = (str(layout.state_dir), str(layout.runtime_dir))
    network = choose_network(layout, settings.ports.base)
    prefix = str(network.address_range).removesuffix("0.0/16")
    rules = subprocess.run([program("iptables"), "-S"], capture_output=True, text=True, check=True).stdout
    return {
        "mounts": [
            line
            for line in Path("/proc/self/mountinfo").read_text().splitlines()
            if any(map(line.count, places))
        ],
        "processes": [
            " ".join(process.info["cmdline"] or [])
            for process in psutil.process_iter(["cmdline"])
            if any(place in " ".join(process.info["cmdline"] or []) for place in (*places, prefix))
        ],
        "interfaces": [
            name
            for name, addresses in psutil.net_if_addrs().items()
            if any(address.address.startswith(prefix) for address in addresses)
        ],
        "rules": [rule for rule in rules.splitlines() if str(network.address_range) in rule],
    }


@pytest.mark.parametrize("killed", [False, True], ids=["running", "killed"])
def test_a_stopped_engine_leaves_no_process_mount_interface_or_rule(second, base_tar, killed):
    layout, settings, supervisor = second
    engine = start_own_engine(layout, settings, supervisor)
    start_job(engine, base_tar)
    before = traces(layout, settings)
    assert all(before.values()), before
    if killed:
        os.kill(supervisor.running("dockerd").pid, signal.SIGKILL)
    stop_own_engine(layout, settings, supervisor)
    assert traces(layout, settings) == {"mounts": [], "processes": [], "interfaces": [], "rules": []}


def test_on_a_shared_engine_only_containers_of_the_sites_images_are_removed(second, base_tar):
    engine = start_own_engine(*second)
    with engine.client() as client:
        image = load_base(client, base_tar)
        for registry in ("127.0.0.1:1", "127.0.0.1:11"):
            image.tag(f"{registry}/edge/training", "1")
            client.containers.run(
                f"{registry}/edge/training:1", ["sleep", "600"], detach=True, network="none"
            )
        client.networks.create("edge-storage", labels={f"{LABEL_PREFIX}.role": "storage-network"})
        client.networks.create("other")
        remove_containers_of(client, "127.0.0.1:1")
        assert [it.attrs["Config"]["Image"] for it in client.containers.list()] == [
            "127.0.0.1:11/edge/training:1"
        ]
        assert {network.name for network in client.networks.list()} == {"bridge", "host", "none", "other"}


def test_an_engine_killed_with_its_containers_starts_again(second):
    layout, settings, supervisor = second
    start_own_engine(layout, settings, supervisor)
    victim = supervisor.running("dockerd")
    victim.kill()
    victim.wait(10)
    engine = start_own_engine(layout, settings, supervisor)
    with engine.client() as client:
        assert client.ping()


def test_a_second_engine_does_not_disturb_the_first(site, second):
    layout, settings, supervisor = second
    engine = start_own_engine(layout, settings, supervisor)
    first = docker.DockerClient(base_url=f"unix://{site.docker_socket}")
    with engine.client() as client:
        assert first.info()["DockerRootDir"] != client.info()["DockerRootDir"]
    stop_own_engine(layout, settings, supervisor)
    assert first.ping()
    first.close()


def test_a_container_reaches_nothing_outside_this_machine(site):
    client = docker.DockerClient(base_url=f"unix://{site.docker_socket}")
    command = ["python3", "-c", REACH, "198.51.100.1:80"]
    output = client.containers.run(site.serving_image, command, network_mode="bridge", remove=True)
    client.close()
    assert output.startswith(b"refused")
