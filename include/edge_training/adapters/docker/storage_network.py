"""The storage network of a site: an internal Docker network whose only exit is a forwarder to exactly the
blob store.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiodocker
from aiodocker.networks import DockerNetwork

import edge_runner
from edge_training.adapters.docker import config as docker_config
from edge_training.identity import digest_of_json, labels
from edge_training.ports.edge_host import HOST_GATEWAY, JOB_USER_ID, BlobForward, Limits

NETWORK = "edge-storage"
FORWARDER_PREFIX = "edge-storage-"
UPSTREAM_NAME = "blob-store.upstream"
BRIDGE_TAKEN = "networks have same bridge name"
NOT_CONNECTED = "is not connected to"
NETWORK_LIMIT_S = 10.0
NETWORK_PAUSE_S = 0.1
FORWARDER_LIMITS = Limits(cpus=1.0, memory_bytes=128 * 2**20, pids=64)


async def storage_hosts(docker: aiodocker.Docker, forward: BlobForward) -> list[str]:
    """Make sure that network and forwarder are there.

    Returns:
        The hosts-file lines that lead the blob store's name to the forwarder.
    """
    name = forwarder_name(forward)
    await create_forwarder(docker, forward, name)
    network = await ensure_network(docker)
    address = await start_forwarder(docker, network, name)
    return [f"{forward.host}:{address}"]


async def create_forwarder(docker: aiodocker.Docker, forward: BlobForward, name: str) -> None:
    """Create the forwarder's container unless it is there."""
    try:
        await docker.containers.create(forwarder_config(forward), name=name)
    except aiodocker.DockerError as error:
        if error.status != HTTPStatus.CONFLICT:
            raise


async def ensure_network(docker: aiodocker.Docker) -> DockerNetwork:
    """The internal network, made unless it is there.

    One that somebody else is making at this moment cannot be seen yet, and is waited for.

    Raises:
        TimeoutError: It can neither be made nor seen.
    """
    async with asyncio.timeout(NETWORK_LIMIT_S):
        while True:
            found = await networks(docker)
            if len(found) == 1:
                return found[0]
            if found:
                await remove_all_but_one(found)
            elif not await create_network(docker):
                await asyncio.sleep(NETWORK_PAUSE_S)


async def networks(docker: aiodocker.Docker) -> list[DockerNetwork]:
    """The networks that have the storage network's name, the oldest first."""
    rows = await docker.networks.list(filters={"name": [f"^{NETWORK}$"]})
    rows.sort(key=lambda row: (docker_config.moment(row["Created"]), row["Id"]))
    return [DockerNetwork(docker, row["Id"]) for row in rows]


async def create_network(docker: aiodocker.Docker) -> bool:
    """Create the internal network; tells whether it was us who did.

    Docker gives one name to several networks that are created at the same time (measured with 20.10: eight
    creators made four), and refuses all of them ever after. A bridge's name it gives once, so that is the
    lock. The data directory is in that name because daemons may share a machine, and so its bridges.

    The VM takes no address in the network: an internal one alone would still lead to every port that the VM
    itself listens on.
    """
    data_root = (await docker.system.info())["DockerRootDir"]
    config = {
        "Name": NETWORK,
        "Internal": True,
        "Options": {
            "com.docker.network.bridge.inhibit_ipv4": "true",
            "com.docker.network.bridge.name": f"edge-{digest_of_json(data_root)[:10]}",
        },
        "CheckDuplicate": True,
        "Labels": labels(role="storage-network"),
    }
    try:
        await docker.networks.create(config)
    except aiodocker.DockerError as error:
        if error.status != HTTPStatus.CONFLICT and BRIDGE_TAKEN not in error.message:
            raise
        return False
    return True


async def remove_all_but_one(found: Sequence[DockerNetwork]) -> None:
    """Heal a site on which earlier releases have made several networks of the name.

    Kept is the one that jobs run in, else the oldest: everybody decides alike. Docker starts no container by
    a name that two networks have, so nothing joins them meanwhile, and forwarders join the one that is kept.
    """
    members = {network.id: await member_names(network) for network in found}
    jobs_first = sorted(found, key=lambda network: all(map(is_forwarder, members[network.id])))
    for network in jobs_first[1:]:
        for name in filter(is_forwarder, members[network.id]):
            with ignored_when_gone():
                await network.disconnect({"Container": name, "Force": True})
        with ignored_when_gone():
            await network.delete()


async def member_names(network: DockerNetwork) -> list[str]:
    """The running containers in a network; none when the network is gone."""
    names: list[str] = []
    with ignored_when_gone():
        names += [str(member["Name"]) for member in (await network.show())["Containers"].values()]
    return names


@contextmanager
def ignored_when_gone() -> Iterator[None]:
    """What somebody else has removed at the same moment is removed."""
    try:
        yield
    except aiodocker.DockerError as error:
        if error.status != HTTPStatus.NOT_FOUND and NOT_CONNECTED not in error.message:
            raise


def is_forwarder(name: str) -> bool:
    """Whether a container in the network leads out of it; all others are jobs."""
    return name.startswith(FORWARDER_PREFIX)


async def start_forwarder(docker: aiodocker.Docker, network: DockerNetwork, name: str) -> str:
    """Connect and start the forwarder as needed; returns its address in the storage network."""
    container = docker.containers.container(name)
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
    return f"{FORWARDER_PREFIX}{digest_of_json(made_of)[:12]}"


def forwarder_config(forward: BlobForward) -> dict[str, Any]:
    """The body of `containers/create` for the forwarder."""
    source = (Path(edge_runner.__file__).parent / "forwarder.py").read_text()
    dialled, extra_hosts = upstream(forward.address)
    proxy = forward.proxy.removeprefix("http://")
    return {
        "Image": forward.image,
        "Entrypoint": [],
        "Cmd": ["python3", "-c", source, str(forward.port), f"{dialled}:{forward.port}", proxy],
        "User": f"{JOB_USER_ID}:{JOB_USER_ID}",
        "Labels": labels(role="storage-forwarder"),
        "HostConfig": docker_config.sandbox(FORWARDER_LIMITS)
        | docker_config.LONG_LIVED
        | {"NetworkMode": "bridge", "ExtraHosts": extra_hosts},
    }


def upstream(address: str) -> tuple[str, list[str]]:
    """What the forwarder dials, and the hosts-file line it needs for that; a name is left to the VM's
    resolver.
    """
    if address == HOST_GATEWAY:
        return UPSTREAM_NAME, [f"{UPSTREAM_NAME}:{HOST_GATEWAY}"]
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address, []
    return f"[{found}]" if found.version == 6 else str(found), []
