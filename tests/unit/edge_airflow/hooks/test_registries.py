"""The model registry's connection: one login for its client, its tracker and its archive."""

from __future__ import annotations

import asyncio
import json

import pytest
from airflow.sdk import Connection
from tests.standins.certificates import certificates
from tests.standins.troubled_proxy import troubled_proxy

from edge_airflow.hooks.model_registries import server_of
from edge_airflow.hooks.registries import ImageRegistryHook, ModelRegistryHook
from edge_training.errors import BadRequest

NOBODY = "http://127.0.0.1:9"


def mlflow(**changes) -> Connection:
    return Connection(**{"conn_id": "edge_mlflow", "conn_type": "http", "host": NOBODY} | changes)


def test_a_server_without_login_needs_only_its_host():
    assert server_of(mlflow()) == {"url": NOBODY, "user": None, "password": None, "ca_file": None}


def test_login_and_authority_are_read_from_the_connection():
    ca_file = str(certificates().ca_file)
    server = server_of(mlflow(login="edge", password="secret", extra=json.dumps({"ca_file": ca_file})))

    assert server == {"url": NOBODY, "user": "edge", "password": "secret", "ca_file": ca_file}


def test_a_connection_without_a_host_is_named():
    with pytest.raises(BadRequest, match="edge_mlflow lacks host"):
        server_of(mlflow(host=""))


@pytest.mark.parametrize("content", [None, "junk"])
def test_an_authoritys_file_that_gives_no_certificate_is_named(tmp_path, content):
    path = tmp_path / "ca.pem"
    if content:
        path.write_text(content)
    with pytest.raises(BadRequest, match=f"{path}, which ca_file of the connection edge_mlflow names, gives"):
        server_of(mlflow(extra=json.dumps({"ca_file": str(path)})))


def test_the_container_registrys_authority_must_be_a_certificate(monkeypatch):
    registry = {"conn_type": "http", "host": "r.test", "login": "edge", "password": "pw"}
    monkeypatch.setenv("AIRFLOW_CONN_EDGE_REGISTRY", json.dumps(registry | {"extra": {"ca_pem": "PEM"}}))
    with pytest.raises(BadRequest, match="ca_pem of the connection edge_registry is no PEM certificate"):
        ImageRegistryHook("edge_registry").client()


async def test_a_registry_that_is_not_defined_is_named():
    for look in (ImageRegistryHook("nowhere").login, ModelRegistryHook("nowhere").tracker):
        with pytest.raises(BadRequest, match="The connection nowhere is missing, or its JSON or URI is"):
            look()
    with pytest.raises(BadRequest, match="The connection nowhere is missing"):
        await ModelRegistryHook("nowhere").atracker()


@pytest.mark.parametrize("from_a_trigger", [False, True])
async def test_the_tracker_asks_the_connections_server_as_its_user(monkeypatch, caplog, from_a_trigger):
    with troubled_proxy(NOBODY, login=("edge", "another password")) as proxy:
        connection = {"conn_type": "http", "host": proxy.url, "login": "edge", "password": "secret"}
        monkeypatch.setenv("AIRFLOW_CONN_EDGE_MLFLOW", json.dumps(connection))
        hook = ModelRegistryHook("edge_mlflow")

        tracker = await hook.atracker() if from_a_trigger else hook.tracker()
        async with tracker.run("flights", "5" * 64, farewell_s=0.0):
            while not proxy.turned_away or not caplog.records:
                await asyncio.sleep(0.02)

    assert "refuses user 'edge'" in caplog.text
    assert "secret" not in caplog.text
