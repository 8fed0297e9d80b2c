"""What the tests of the site itself look at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import psutil
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
def listening(supervisor):
    """Looks up the addresses on which the parts with a prefix listen, each with the processes that do."""

    def look(prefix: str = "") -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for process in processes_of(supervisor, prefix):
            with suppress(psutil.NoSuchProcess):  # Airflow's tasks come and go
                for connection in process.net_connections("inet"):
                    if connection.status == psutil.CONN_LISTEN:
                        found.setdefault(connection.laddr.ip, set()).add(process.name())
        return found

    return look


@pytest.fixture
def command_lines(supervisor):
    """Looks up the command lines of every process of the site."""

    def look() -> list[str]:
        found = []
        for process in processes_of(supervisor):
            with suppress(psutil.NoSuchProcess):  # Airflow's tasks come and go
                found.append(" ".join(process.cmdline()))
        return found

    return look


@pytest.fixture
def own_engine(site_settings) -> None:
    """Skip where the tests could not start an engine of their own."""
    if site_settings.docker != "own":
        pytest.skip("the machine's engine is not ours to test; run as root")


def processes_of(supervisor: Supervisor, prefix: str = "") -> Iterator[psutil.Process]:
    """The processes of the running parts whose names start so."""
    for name in supervisor.names():
        leader = supervisor.running(name) if name.startswith(prefix) else None
        if leader is not None:
            yield leader
            yield from leader.children(recursive=True)
