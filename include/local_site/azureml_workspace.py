"""A workspace of Azure Machine Learning: the tests' stand-in, as a process of the site that asks for it.

The stand-in stays with the tests, whose contract it is, and is run from the checkout; nothing of it is
imported here (docs/decisions/0025). Clients find it under the real hosts' names, through its proxy.
"""

from __future__ import annotations

import getpass
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from local_site.credentials import ensure_ssh_key
from local_site.errors import StartFailed
from local_site.files import read_json
from local_site.health import ASK_LIMIT_S, LOOPBACK, ssl_context
from local_site.layout import Layout
from local_site.model_registry import model_registry
from local_site.processes import ProcessSpec, Supervisor
from local_site.settings import Ports, Settings

STANDIN = "tests.standins.azureml"
CORE_KIND = "azureml"
MLFLOW_KIND = "azureml-mlflow"
COMPUTE_TARGET = "edge-site-vm"
SITE = "edge_site"
ANY_HOST = "https://management.azure.com/"
CLIENT_LIMIT_S = 300


def ensure(
    settings: Settings, layout: Layout, supervisor: Supervisor, mlflow_python: Path, client_python: Path
) -> dict[str, Any]:
    """Make the workspace run; gives what `client` gives.

    Args:
        settings: The site's.
        layout: Its paths.
        supervisor: Its processes.
        mlflow_python: Interpreter of the environment that holds the full mlflow.
        client_python: Interpreter of the environment that holds the workspace's clients.
    """
    if settings.model_registry == MLFLOW_KIND:
        supervisor.ensure(mlflow_behind(layout, mlflow_python, settings.ports))
    supervisor.ensure(workspace(layout, settings.root, settings.ports))
    return client(layout, settings.model_registry, client_python)


def mlflow_behind(layout: Layout, python: Path, ports: Ports) -> ProcessSpec:
    """An MLflow server that only the workspace uses, for clients that speak MLflow's protocol to it.

    Args:
        layout: Paths of the site.
        python: Interpreter of the environment that holds the full mlflow.
        ports: The site's ports.
    """
    own = Layout(layout.azureml_dir, layout.cache_dir)
    return replace(model_registry(own, python, ports.azureml_mlflow), name="azureml-mlflow")


def workspace(layout: Layout, root: Path, ports: Ports) -> ProcessSpec:
    """The stand-in's process.

    Args:
        layout: Paths of the site.
        root: The repository.
        ports: The site's ports.
    """
    options = {
        "--folder": str(layout.azureml_dir),
        "--proxy-port": str(ports.azureml_proxy),
        "--mlflow-url": f"http://{LOOPBACK}:{ports.azureml_mlflow}",
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return ProcessSpec(
        name="azureml",
        command=[sys.executable, "-m", STANDIN, *(word for option in options.items() for word in option)],
        healthy=lambda: answers(layout, ports),
        environment={**inherited, "PYTHONPATH": str(root / "include")},
        ports=(ports.azureml_proxy,),
        configuration=tuple(sorted((root / STANDIN.replace(".", "/")).glob("*.py"))),
        directory=root,
    )


def answers(layout: Layout, ports: Ports) -> bool:
    """Whether a host of the workspace answers, on the way that its clients take."""
    if not layout.azureml_client_file.exists():
        return False
    proxy, trusted = f"http://{LOOPBACK}:{ports.azureml_proxy}", ssl_context(layout.azureml_ca_file)
    try:
        httpx.get(ANY_HOST, proxy=proxy, verify=trusted, timeout=ASK_LIMIT_S, trust_env=False)
    except httpx.HTTPError:
        return False
    return True


def client(layout: Layout, kind: str, python: Path) -> dict[str, Any]:
    """What a client has to know of the running workspace, in the words of an Airflow connection.

    Args:
        layout: Paths of the site.
        kind: Which client it is; one of them also attaches the site's VM, with a key made for that alone.
        python: The interpreter that has it.
    """
    known: dict[str, Any] = {"kind": kind, "python": str(python), **read_json(layout.azureml_client_file)}
    if kind != CORE_KIND:
        return known
    key_file = layout.azureml_dir / "compute_key"
    ensure_ssh_key(key_file)
    machine = {"name": COMPUTE_TARGET, "address": LOOPBACK, "user": getpass.getuser(), "site": SITE}
    return {**known, "compute_target": {**machine, "key_file": str(key_file)}}


def versions(known: Mapping[str, Any], names: Sequence[str]) -> list[dict[str, Any]]:
    """Model versions as azureml-core itself sees them, whoever has registered them.

    Args:
        known: What `client` gives.
        names: The models' names.

    Raises:
        StartFailed: The client fails; its last words are told.
    """
    program = Path(__file__).with_name("azureml_versions.py")  # -I: our modules stay out of its path
    ended = subprocess.run(
        [known["python"], "-I", program],
        input=json.dumps({"workspace": dict(known), "names": list(names)}),
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(Path(known["ca_file"]).parents[1]),
            "HTTPS_PROXY": known["proxy"],
            "REQUESTS_CA_BUNDLE": known["ca_file"],
        },
        capture_output=True,
        text=True,
        timeout=CLIENT_LIMIT_S,
        check=False,
    )
    if ended.returncode:
        raise StartFailed(f"azureml-core cannot read the workspace: {ended.stderr.strip()[-500:]}")
    found: list[dict[str, Any]] = json.loads(ended.stdout.splitlines()[-1])
    return found
