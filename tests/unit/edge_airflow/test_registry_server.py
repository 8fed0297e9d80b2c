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


def test_a_connection_that_airflow_cannot_look_up_is_told(registry):
    """Its database has no tables yet."""
    with pytest.raises(ModelRegistryUnavailable, match=r"edge_mlflow .* with --registry"):
        registry(None).get("delay", "1")
