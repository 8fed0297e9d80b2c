"""The storage network on the real engine: the blob store answers, nothing else does."""

from __future__ import annotations

import asyncio
import socket
import uuid
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from docker.models.networks import Network
from tests.jobs import OWNER, Said
from tests.real_host import Engine, real_host

from edge_training.adapters.docker.storage_network import NETWORK, forwarder_name
from edge_training.identity import labels
from edge_training.jobs import EdgeJob
from edge_training.lifecycle import ensure_started
from edge_training.outcomes import collect
from edge_training.ports.edge_host import BlobForward
from edge_training.site import BlobStore
from edge_training.watching import START, follow

SCRIPT = """
import json, os, pathlib, socket

def answers(host, port):
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError as error:
        return type(error).__name__
    return "answers"

host, port = os.environ["EDGE_PARTITION"].split(":")
print("store", answers(host, int(port)))
print("store, other port", answers(host, int(port) + 1))
print("outside", answers("192.0.2.1", 443))
with open("/proc/net/route") as routes:
    gateways = [int(line.split()[2], 16) for line in list(routes)[1:]]
for gateway in {socket.inet_ntoa(found.to_bytes(4, "little")) for found in gateways if found}:
    print("the VM itself", gateway, answers(gateway, int(os.environ["EDGE_SEED"])))
for address in json.load(open(os.environ["EDGE_PARAMS_FILE"])):
    print("the VM itself", address, answers(address, int(os.environ["EDGE_SEED"])))
try:
    socket.getaddrinfo("example.com", 443)
    print("names resolve")
except OSError:
    print("no name resolves")
model = pathlib.Path(os.environ["EDGE_MODEL_DIR"])
model.mkdir()
(model / "MLmodel").touch()
"""


def bridge_addresses(behind: Engine) -> list[str]:
    """The addresses that the VM has in Docker's networks."""
    configs = [
        config
        for network in behind.client.networks.list()
        for config in network.attrs["IPAM"]["Config"] or []
    ]
    return [config["Gateway"] for config in configs if "Gateway" in config]


@pytest.fixture
def open_port():
    """A port that the VM itself listens on, on all its addresses, as an ordinary sshd does."""
    with socket.create_server(("0.0.0.0", 0)) as server:
        yield int(server.getsockname()[1])


async def test_a_job_on_the_storage_network_reaches_the_blob_store_and_nothing_else(site, behind, open_port):
    store = BlobStore(
        site.blob_endpoint, site.blob_account, site.blob_key, forward_address=site.blob_forward_address
    )
    parts = urlsplit(site.blob_endpoint)
    request = {
        "script": "train.py",
        "partition": f"{parts.hostname}:{parts.port}",
        "seed": open_port,
        "params": dict.fromkeys(bridge_addresses(behind), 0),
        "threads": 1,
        "time_limit_s": 60,
    }
    job = EdgeJob(
        "train",
        uuid.uuid4().hex * 2,
        site.training_image,
        request,
        code={"train.py": SCRIPT.encode()},
        storage=store.forward(site.training_image),
    )
    behind.names.append(job.name)
    said = Said()
    async with real_host(site) as host:
        await ensure_started(host, job, OWNER)
        async for _ in follow(host, job.name, START, said):
            pass
        await collect(host, job.name)
    lines = said.lines
    assert "store answers" in lines
    assert "store, other port answers" not in lines
    assert "outside answers" not in lines
    assert not [line for line in lines if line.startswith("the VM itself") and line.endswith("answers")]
    assert "no name resolves" in lines


async def test_the_network_is_internal_and_a_second_job_shares_the_forwarder(site, behind):
    store = BlobStore(
        site.blob_endpoint, site.blob_account, site.blob_key, forward_address=site.blob_forward_address
    )
    jobs = [
        EdgeJob(
            "wait", uuid.uuid4().hex * 2, site.training_image, {}, storage=store.forward(site.training_image)
        )
        for _ in range(2)
    ]
    behind.names += [job.name for job in jobs]
    async with real_host(site) as host:
        for job in jobs:
            assert await host.create(job.container())
    (network,) = networks(behind)
    assert network.attrs["Internal"] is True
    name = forwarder_name(store.forward(site.training_image))
    assert len(behind.client.containers.list(filters={"name": name})) == 1


def networks(behind: Engine) -> list[Network]:
    """All networks of the storage network's name."""
    return list(behind.client.networks.list(names=[f"^{NETWORK}$"]))


def members(network: Network) -> set[str]:
    """The running containers in a network."""
    network.reload()
    return {found["Name"] for found in network.attrs["Containers"].values()}


def remove_networks(behind: Engine) -> None:
    """Make the site new: no forwarder, no storage network."""
    for forwarder in behind.client.containers.list(
        all=True, filters={"label": "edge-training.role=storage-forwarder"}
    ):
        forwarder.remove(force=True)
    for network in networks(behind):
        for name in members(network):
            network.disconnect(name, force=True)
        network.remove()


@pytest.fixture
def new_site(behind) -> Iterator[Engine]:
    """A site that had no job on the storage network yet, and is left so."""
    remove_networks(behind)
    yield behind
    behind.remove_containers()
    remove_networks(behind)


@pytest.fixture
def forwards(site, new_site) -> list[BlobForward]:
    """Ways to the blob store that have a forwarder each, as for models with images of their own."""
    store = BlobStore(
        site.blob_endpoint, site.blob_account, site.blob_key, forward_address=site.blob_forward_address
    )
    forward = store.forward(site.training_image)
    return [replace(forward, host=f"{number}.{forward.host}") for number in range(6)]


def waiting_job(behind: Engine, image: str, forward: BlobForward) -> EdgeJob:
    """A job that leads to the blob store."""
    job = EdgeJob("wait", uuid.uuid4().hex * 2, image, {}, storage=forward)
    behind.names.append(job.name)
    return job


@pytest.mark.parametrize("different", [False, True])
async def test_jobs_that_come_first_at_the_same_time_make_one_network(site, new_site, forwards, different):
    """Docker itself would give several networks one name, also to jobs with a forwarder each."""
    chosen = forwards if different else forwards[:1] * len(forwards)
    jobs = [waiting_job(new_site, site.training_image, forward) for forward in chosen]

    async def create(job: EdgeJob) -> bool:
        async with real_host(site) as host:
            return await host.create(job.container())

    assert await asyncio.gather(*(create(job) for job in jobs)) == [True] * len(jobs)
    (network,) = networks(new_site)
    assert members(network) == {forwarder_name(forward) for forward in chosen}


def make_two_networks(behind: Engine) -> None:
    """What happened on new sites before."""
    for _ in range(2):
        behind.client.networks.create(
            NETWORK, internal=True, check_duplicate=False, labels=labels(role="storage-network")
        )


async def test_a_site_with_two_networks_of_the_name_is_healed(site, new_site, forwards):
    """Several jobs come at once, and all decide alike."""
    make_two_networks(new_site)
    older = min(networks(new_site), key=lambda network: network.attrs["Created"])
    jobs = [waiting_job(new_site, site.training_image, forward) for forward in forwards[:3]]
    async with real_host(site) as host:
        assert all(await asyncio.gather(*(host.create(job.container()) for job in jobs)))
        await host.start(jobs[0].name)
    assert [network.id for network in networks(new_site)] == [older.id]
    assert members(older) >= {forwarder_name(forward) for forward in forwards[:3]}


async def test_of_two_networks_the_one_that_a_job_runs_in_is_kept(site, new_site, forwards):
    """It runs on undisturbed."""
    make_two_networks(new_site)
    younger = max(networks(new_site), key=lambda network: network.attrs["Created"])
    running, coming = (waiting_job(new_site, site.training_image, forward) for forward in forwards[:2])
    new_site.client.containers.run(
        site.training_image,
        ["python3", "-c", "import time; time.sleep(100)"],
        name=running.name,
        labels=labels(step="wait", key=running.key),
        detach=True,
    )
    younger.connect(running.name)
    async with real_host(site) as host:
        assert await host.create(coming.container())
    assert [network.id for network in networks(new_site)] == [younger.id]
    assert members(younger) == {running.name, forwarder_name(forwards[1])}
