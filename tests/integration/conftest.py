"""The real site as its jobs find it, and what tests make there, which goes when they end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.real_host import Engine, engine, real_host

from edge_training.adapters.docker_over_ssh import DockerOverSsh
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
