"""Registers a bundle in a workspace with our adapter, or uploads a directory into a run as a script would.

`python -m benchmarks.registration.run_workspace register|azureml-core|azureml-mlflow OPTIONS NAME PATH`, in
the interpreter of requirements-azureml.txt, with the options of a registry as JSON (`bridge.server.OPENERS`).
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.measured import peak_bytes, tell
from edge_training.adapters.bridge.server import OPENERS
from edge_training.ports.model_registry import Registration

TRAINING_KEY = "5" * 64


def ours(options: dict[str, Any], model: str, path: str) -> Callable[[], object]:
    """What the other end of the bridge does; it is logged in before."""
    registry: Any = OPENERS[options.pop("kind")](**options)["registry"]
    registry.find(model, TRAINING_KEY)
    registration = Registration(model, TRAINING_KEY, Path(path), tags={"partition": "2013-02-01"})
    return lambda: registry.register(registration)


def azureml_core(options: dict[str, Any], name: str, path: str) -> Callable[[], object]:
    """azureml-core's upload of a directory."""
    from azureml.core import Experiment

    run = Experiment(workspace(options), name).start_logging(outputs=None, snapshot_directory=None)
    return lambda: run.upload_folder("files", path)


def azureml_mlflow(options: dict[str, Any], name: str, path: str) -> Callable[[], object]:
    """azureml-mlflow's upload of a directory."""
    import mlflow

    mlflow.set_tracking_uri(workspace(options).get_mlflow_tracking_uri())
    client = mlflow.MlflowClient()
    run_id = client.create_run(client.create_experiment(name)).info.run_id
    return lambda: client.log_artifacts(run_id, path)


def workspace(options: dict[str, Any]) -> Any:
    """azureml-core's workspace."""
    from azureml.core import Workspace
    from azureml.core.authentication import ServicePrincipalAuthentication

    who, where = (
        ("tenant_id", "client_id", "client_secret"),
        ("subscription_id", "resource_group", "workspace"),
    )
    login = ServicePrincipalAuthentication(*(options[name] for name in who))
    return Workspace(*(options[name] for name in where), auth=login)


WAYS = {"register": ours, "azureml-core": azureml_core, "azureml-mlflow": azureml_mlflow}


def main(way: str, options: str, name: str, path: str) -> None:
    """Do it once."""
    work = WAYS[way](json.loads(options), name, path)
    before_bytes, began_at = peak_bytes(), time.perf_counter()
    work()
    tell(time.perf_counter() - began_at, before_bytes=before_bytes)


if __name__ == "__main__":
    main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)  # azureml-core's threads would keep it for a while
