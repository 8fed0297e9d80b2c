"""What the tests of the site itself look at."""

from __future__ import annotations

import pytest

from local_site import SiteInfo
from local_site.processes import Supervisor
from local_site.site import layout_of


@pytest.fixture
def supervisor(site: SiteInfo, site_settings) -> Supervisor:
    """The processes of the running site."""
    return Supervisor(layout_of(site_settings))


@pytest.fixture
def pids(supervisor):
    """Looks up the pid of every part that runs."""

    def look() -> dict[str, int]:
        processes = {name: supervisor.running(name) for name in supervisor.names()}
        return {name: process.pid for name, process in processes.items() if process is not None}

    return look


@pytest.fixture
def own_engine(site_settings) -> None:
    """Skip where the tests could not start an engine of their own."""
    if site_settings.docker != "own":
        pytest.skip("the machine's engine is not ours to test; run as root")
