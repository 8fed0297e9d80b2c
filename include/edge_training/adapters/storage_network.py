"""The storage network of a site: an internal Docker network whose only exit is a forwarder to exactly the
blob store.
"""

from __future__ import annotations

import ipaddress
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
FORWARDER_LIMITS = Limits(cpus=1.0, memory_bytes=128 * 2**20, pids=64)


async def storage_hosts(docker: aiodocker.Docker, forward: BlobForward) -> list[str]:
    """Make sure that network and forwarder are there.

    Returns:
        The hosts-file lines that lead the blob store's name to the forwarder.
    """
    await ensure_network(docker)
    address = await ensure_forwarder(docker, forward)
    return [f"{forward.host}:{address}"]


async def ensure_network(docker: aiodocker.Docker) -> None:
    """Create the internal network; somebody else may do so at the same time.

    The VM takes no address in it: an internal network alone would still lead to every port that the VM itself
    listens on.
    """
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


async def ensure_forwarder(docker: aiodocker.Docker, forward: BlobForward) -> str:
    """Create, connect or start the forwarder as needed; returns its address in the storage network."""
    name = forwarder_name(forward)
    try:
        await docker.containers.create(forwarder_config(forward), name=name)
    except aiodocker.DockerError as error:
        if error.status != CONFLICT:
            raise
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
