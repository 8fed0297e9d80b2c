"""The storage network of a site: an internal Docker network whose only exit is a forwarder to exactly the
blob store.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from pathlib import Path
from typing import Any

import aiodocker

import edge_runner
from edge_training.adapters import docker_config
from edge_training.identity import digest_of, labels
from edge_training.ports.edge_host import JOB_USER_ID, BlobForward, Limits

NETWORK = "edge-storage"
UPSTREAM_NAME = "blob-store.upstream"
HOST_GATEWAY = "host-gateway"
CONFLICT = 409
NOT_FOUND = 404
NETWORK_LIMIT_S = 10.0
NETWORK_PAUSE_S = 0.1
FORWARDER_LIMITS = Limits(cpus=1.0, memory_bytes=128 * 2**20, pids=64)


async def storage_hosts(docker: aiodocker.Docker, forward: BlobForward) -> list[str]:
    """Make sure that network and forwarder are there.

    Returns:
        The hosts-file lines that lead the blob store's name to the forwarder.
    """
    name = forwarder_name(forward)
    first = await create_forwarder(docker, forward, name)
    await ensure_network(docker, first)
    address = await start_forwarder(docker, name)
    return [f"{forward.host}:{address}"]


async def create_forwarder(docker: aiodocker.Docker, forward: BlobForward, name: str) -> bool:
    """Create the forwarder's container; False when it is there."""
    try:
        await docker.containers.create(forwarder_config(forward), name=name)
    except aiodocker.DockerError as error:
        if error.status != CONFLICT:
            raise
        return False
    return True


async def ensure_network(docker: aiodocker.Docker, first: bool) -> None:
    """Create the internal network unless it is there.

    Docker lets two networks of one name be created at the same time (measured with 20.10: five jobs at once
    on a new site), and refuses both ever after. A container's name it gives once, so whoever created the
    forwarder creates the network; the others wait for it, and step in only when that one has died.

    The VM takes no address in the network: an internal one alone would still lead to every port that the VM
    itself listens on.
    """
    deadline = time.monotonic() + (0 if first else NETWORK_LIMIT_S)
    while not await network_exists(docker):
        if time.monotonic() >= deadline:
            await create_network(docker)
            return
        await asyncio.sleep(NETWORK_PAUSE_S)


async def create_network(docker: aiodocker.Docker) -> None:
    """Create the internal network; newer engines do refuse a second one of that name, and that is fine."""
    config = {
        "Name": NETWORK,
        "Internal": True,
        "Options": {"com.docker.network.bridge.inhibit_ipv4": "true"},
        "CheckDuplicate": True,
        "Labels": labels(role="storage-network"),
    }
    try:
        await docker.networks.create(config)
    except aiodocker.DockerError as error:
        if error.status != CONFLICT:
            raise


async def network_exists(docker: aiodocker.Docker) -> bool:
    """Whether the storage network is there."""
    try:
        await docker.networks.get(NETWORK)
    except aiodocker.DockerError as error:
        if error.status != NOT_FOUND:
            raise
        return False
    return True


async def start_forwarder(docker: aiodocker.Docker, name: str) -> str:
    """Connect and start the forwarder as needed; returns its address in the storage network."""
    container = docker.containers.container(name)
    network = await docker.networks.get(NETWORK)
    try:
        await network.connect({"Container": name})
    except aiodocker.DockerError as error:
        if "already exists" not in str(error):
            raise
    await container.start()
    shown = await container.show()
    return str(shown["NetworkSettings"]["Networks"][NETWORK]["IPAddress"])


def forwarder_name(forward: BlobForward) -> str:
    """One forwarder per blob store, image and release: whatever it is made of names it."""
    made_of = {"host": forward.host, "config": forwarder_config(forward)}
    return f"edge-storage-{digest_of(made_of)[:12]}"


def forwarder_config(forward: BlobForward) -> dict[str, Any]:
    """The body of `containers/create` for the forwarder."""
    source = (Path(edge_runner.__file__).parent / "forwarder.py").read_text()
    dialled, extra_hosts = upstream(forward.address)
    return {
        "Image": forward.image,
        "Entrypoint": [],
        "Cmd": ["python3", "-c", source, str(forward.port), dialled, str(forward.port)],
        "User": f"{JOB_USER_ID}:{JOB_USER_ID}",
        "Labels": labels(role="storage-forwarder"),
        "HostConfig": docker_config.sandbox(FORWARDER_LIMITS)
        | {"NetworkMode": "bridge", "ExtraHosts": extra_hosts, "RestartPolicy": {"Name": "unless-stopped"}},
    }


def upstream(address: str) -> tuple[str, list[str]]:
    """What the forwarder dials, and the hosts-file line it needs for that; a name is left to the VM's
    resolver.
    """
    if address == HOST_GATEWAY:
        return UPSTREAM_NAME, [f"{UPSTREAM_NAME}:{HOST_GATEWAY}"]
    try:
        return str(ipaddress.ip_address(address)), []
    except ValueError:
        return address, []
