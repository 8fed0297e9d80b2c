"""The registry behind a connection, asked for from a process that imports no Airflow."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from edge_training.adapters.bridge.client import Bridge
from edge_training.adapters.bridge.ports import BridgedRegistry
from edge_training.errors import BadRequest, ModelRegistryUnavailable
from edge_training.lineage.__main__ import CONNECTION_SERVER

ID = "11111111-2222-3333-4444-555555555555"
FAR = """
import json, sys
opened = json.loads(sys.stdin.readline())["arguments"]["registry"]
print(json.dumps({"version": 1, "value": None}), flush=True)
said = f"{opened['client_id']} asks for {json.loads(sys.stdin.readline())['call']}"
print(json.dumps({"version": 1, "error": {"kind": "ModelRegistryUnavailable", "message": said}}), flush=True)
"""


@pytest.fixture
def registry(tmp_path):
    """Open the registry of `edge_mlflow`, whose connection says this, in a process of its own."""
    bridges = []

    def opened(connection: dict[str, str] | None) -> BridgedRegistry:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "AIRFLOW_HOME": str(tmp_path)}
        if connection is not None:
            environment |= {"AIRFLOW_CONN_EDGE_MLFLOW": json.dumps(connection)}
        request = {"kind": "connection", "conn_id": "edge_mlflow"}
        bridges.append(Bridge(Path(sys.executable), request, CONNECTION_SERVER, environment))
        return BridgedRegistry(bridges[-1])

    yield opened
    for bridge in bridges:
        bridge.close()


def test_the_connection_decides_which_registry_is_asked(registry):
    with pytest.raises(BadRequest, match=r"The connection edge_mlflow lacks host; .* with --registry"):
        registry({"conn_type": "http"}).get("delay", "1")


def test_a_connection_to_a_workspace_leads_on_to_its_interpreter(registry, tmp_path):
    (tmp_path / "far.py").write_text(FAR)
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nexec {sys.executable} {tmp_path / 'far.py'}\n")
    python.chmod(0o755)
    place = {"subscription_id": ID, "tenant_id": ID, "resource_group": "g", "workspace": "w"}
    extra = json.dumps(place | {"kind": "azureml", "python": str(python)})

    known = {"conn_type": "http", "login": ID, "password": "secret", "extra": extra}
    with pytest.raises(ModelRegistryUnavailable, match=f"^{ID} asks for registry.get$"):
        registry(known).get("delay", "1")


def test_a_connection_that_airflow_cannot_look_up_is_told(registry):
    """Its database has no tables yet."""
    with pytest.raises(ModelRegistryUnavailable, match=r"edge_mlflow .* with --registry"):
        registry(None).get("delay", "1")
