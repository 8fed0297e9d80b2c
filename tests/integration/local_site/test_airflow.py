"""Airflow on the local site: all four processes healthy, closed to the anonymous, and local."""

from __future__ import annotations

import stat

import httpx
import pytest

from local_site import metadata_database
from local_site.airflow import POOL, POOL_SLOTS
from local_site.processes import Supervisor
from local_site.site import layout_of

COMPONENTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")


@pytest.fixture
def api(airflow_site):
    with httpx.Client(base_url=airflow_site.airflow_url, trust_env=False, timeout=30) as client:
        login = {"username": airflow_site.airflow_user, "password": airflow_site.airflow_password}
        token = client.post("/auth/token", json=login).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


@pytest.mark.parametrize("component", COMPONENTS)
def test_each_process_is_healthy(api, component):
    assert api.get("/api/v2/monitor/health").json()[component]["status"] == "healthy"


def test_the_anonymous_see_nothing(airflow_site):
    answer = httpx.get(f"{airflow_site.airflow_url}/api/v2/dags", trust_env=False)
    assert answer.status_code == 401


def test_the_sites_pool_counts_deferred_tasks(api):
    pool = api.get(f"/api/v2/pools/{POOL}").json()
    assert (pool["slots"], pool["include_deferred"]) == (POOL_SLOTS, True)


def test_airflow_listens_on_loopback_only(airflow_site, supervisor, listening):
    assert len([name for name in supervisor.names() if name.startswith("airflow-")]) == 4
    assert listening("airflow-").keys() == {"127.0.0.1"}


def test_the_metadata_database_is_reached_by_its_owner_alone(airflow_site, site_settings):
    layout = layout_of(site_settings)
    socket_file = layout.runtime_dir / metadata_database.SOCKET_NAME
    assert stat.S_IMODE(socket_file.stat().st_mode) == 0o700
    assert stat.S_IMODE(layout.runtime_dir.stat().st_mode) == 0o700
    server = Supervisor(layout).running(metadata_database.NAME)
    assert server.net_connections("inet") == []
