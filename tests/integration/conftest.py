"""The real site as its jobs find it, and what tests make there, which goes when they end."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
from azure.storage.blob import ContainerClient
from tests.real_host import Engine, engine, real_host

from edge_training.adapters.docker.over_ssh import DockerOverSsh
from local_site.flights import connect
from local_site.info import SiteInfo


@pytest.fixture
def behind(site: SiteInfo) -> Iterator[Engine]:
    """The site's Docker daemon; what the test names is removed afterwards."""
    found = engine(site)
    yield found
    found.clean_up()


@pytest.fixture
async def host(site: SiteInfo) -> AsyncIterator[DockerOverSsh]:
    """The real adapter."""
    async with real_host(site) as found:
        yield found


@pytest.fixture
def container(site: SiteInfo) -> Iterator[ContainerClient]:
    """An empty container in the site's blob store, which is deleted afterwards."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    with connect(site.blob_host_endpoint, site.blob_account, site.blob_key, site.ca_file, name) as client:
        client.create_container()
        yield client
        client.delete_container()
