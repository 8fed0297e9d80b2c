"""Airflow with the connections of the real site."""

from __future__ import annotations

from tests.airflow_environment import prepare

prepare()

import json  # noqa: E402  (Airflow is set up before anything imports it)

import pytest  # noqa: E402  (as above)

from local_site.info import SiteInfo  # noqa: E402  (as above)


@pytest.fixture
def connect_through(site: SiteInfo, monkeypatch):
    """Point the connection of the site's VM at a port; the site's own by default."""

    def through(port: int = site.ssh_port) -> None:
        extra = {
            "private_key": site.ssh_private_key_file.read_text(),
            "host_key": site.ssh_host_key,
            "docker_socket": site.docker_socket,
        }
        connection = {"conn_type": "ssh", "host": site.ssh_host, "port": port, "login": site.ssh_user}
        monkeypatch.setenv("AIRFLOW_CONN_EDGE_SITE_VM", json.dumps(connection | {"extra": extra}))

    return through
