"""Signatures that live for seconds, on the real engine: a step goes on with those that are brought to it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from azure.storage.blob import ContainerClient
from tests.jobs import OWNER, Said
from tests.real_host import Engine, real_host
from tests.standins.connect_proxy import connect_proxy
from tests.unit.edge_runner.contracts.documents import column, contract

from edge_training.adapters.docker.over_ssh import DockerOverSsh
from edge_training.adapters.docker.storage_network import forwarder_name
from edge_training.jobs import EdgeJob
from edge_training.lifecycle import ensure_started
from edge_training.outcomes import collect
from edge_training.project import ModelProject, Ready
from edge_training.renewal import renewed
from edge_training.sas import Grant
from edge_training.site import BlobStore
from edge_training.watching import START, follow
from local_site import SiteInfo

LIFETIME = timedelta(seconds=12)
ASKS = "The blob store no longer accepts the signature; a new one is waited for."


@dataclass
class Waiting:
    """A job that waits for a partition, with access of seconds.

    Attributes:
        store: The site's blob store.
        container: The test's own container in it.
        job: The job.
        said: What it has said.
        signed: How often access was made for it.
    """

    store: BlobStore
    container: ContainerClient
    job: EdgeJob
    said: Said = field(default_factory=Said)
    signed: int = 0

    async def sign(self) -> dict[str, str]:
        """New access."""
        self.signed += 1
        return self.store.secrets(self.job.grant)

    async def follow(self, host: DockerOverSsh) -> None:
        """Read what it says to its end."""
        async with aclosing(follow(host, self.job.name, START, self.said)) as lines:
            async for _ in lines:
                pass

    @asynccontextmanager
    async def watched(self, host: DockerOverSsh) -> AsyncIterator[None]:
        """Watch as a worker or trigger does, which look more seldom."""
        async with renewed(host, self.job.name, self.sign, self.said.line, pause_s=0.5):
            yield

    async def until_it_says(self, text: str) -> None:
        """Return once it has said that."""
        async with asyncio.timeout(60):
            while not any(text in line for line in self.said.lines):
                await asyncio.sleep(0.1)


def waiting_job(site: SiteInfo, store: BlobStore, container: str) -> EdgeJob:
    """A job that waits for a blob under `day/`."""
    grant = Grant(container, "l")
    request = ModelProject("delay", Path(), container, "{partition}/", ready=Ready()).selection()
    request |= {"contract": contract(column("x"))}
    request |= {"prefixes": ["day/"], "partition": "day", "poll_s": 0.5, "time_limit_s": 120}
    request |= {"on_time_limit": "fail"}
    return EdgeJob(
        "wait",
        uuid.uuid4().hex * 2,
        site.training_image,
        store.request(container) | request,
        secrets=store.secrets(grant),
        grant=grant,
        storage=store.forward(site.training_image),
    )


def store_of(site: SiteInfo, **changes: object) -> BlobStore:
    """The site's blob store, whose signatures live for seconds."""
    known = {
        "ca_pem": site.ca_file.read_text(),
        "forward_address": site.blob_forward_address,
        "sas_lifetime": LIFETIME,
    }
    return BlobStore(site.blob_endpoint, site.blob_account, site.blob_key, **known | changes)


@pytest.fixture
def waiting(site, behind, container) -> Waiting:
    """A job that is not started yet."""
    store = store_of(site)
    job = waiting_job(site, store, container.container_name)
    behind.names.append(job.name)
    return Waiting(store, container, job)


async def test_a_step_outlives_its_first_signature_while_somebody_watches(site, behind, waiting):
    async with real_host(site) as host:
        await ensure_started(host, waiting.job, OWNER)
        async with waiting.watched(host):
            following = asyncio.create_task(waiting.follow(host))
            await asyncio.sleep(2.5 * LIFETIME.total_seconds())
            waiting.container.upload_blob("day/a", b"abc")
            await following
        assert (await collect(host, waiting.job.name))["blobs"] == 1
    assert ASKS not in waiting.said.lines
    assert waiting.signed >= 4
    assert "sig=" not in behind.inspect(waiting.job.name) + "".join(waiting.said.lines)


async def test_a_step_that_nobody_watched_for_a_while_waits_and_goes_on_with_the_next_watcher(site, waiting):
    waiting.container.upload_blob("other/a", b"abc")
    async with real_host(site) as host:
        await ensure_started(host, waiting.job, OWNER)
        following = asyncio.create_task(waiting.follow(host))
        await waiting.until_it_says(ASKS)
        async with waiting.watched(host):
            waiting.container.upload_blob("day/a", b"abc")
            await following
        assert (await collect(host, waiting.job.name))["blobs"] == 1


async def test_two_watchers_renew_side_by_side(site, waiting):
    async with real_host(site) as host:
        await ensure_started(host, waiting.job, OWNER)
        async with waiting.watched(host), waiting.watched(host):
            following = asyncio.create_task(waiting.follow(host))
            await asyncio.sleep(1.5 * LIFETIME.total_seconds())
            waiting.container.upload_blob("day/a", b"abc")
            await following
        assert (await collect(host, waiting.job.name))["blobs"] == 1
    assert ASKS not in waiting.said.lines


async def test_a_job_reaches_the_store_through_the_proxy_that_the_connection_names(site, behind, container):
    """TLS stays end to end: the job checks the store's own certificate."""
    container.upload_blob("day/a", b"abc")
    direct = store_of(site).forward(site.training_image)
    host_address = docker_bridge(behind) if direct.address == "host-gateway" else direct.address
    place = f"{host_address}:{direct.port}"
    with connect_proxy(allows=[place], host=docker_bridge(behind)) as proxy:
        store = store_of(site, forward_address=host_address, proxy=f"http://{proxy.address}")
        job = waiting_job(site, store, container.container_name)
        behind.names += [job.name, forwarder_name(store.forward(site.training_image))]
        async with real_host(site) as host:
            await ensure_started(host, job, OWNER)
            await host.wait(job.name)
            assert (await collect(host, job.name))["blobs"] == 1
        assert set(proxy.asked) == {f"CONNECT {place} HTTP/1.1"}


def docker_bridge(behind: Engine) -> str:
    """This machine's address in Docker's own network."""
    (config,) = behind.client.networks.get("bridge").attrs["IPAM"]["Config"]
    return config["Gateway"]
