"""What servers of a test's own need."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.integration.edge_training.adapters.azureml.own_client import steps
from tests.standins.azureml.interpreter import Program
from tests.standins.azureml.reading import SeenWorkspace
from tests.standins.azureml.server import AzureMl, running_azureml

from local_site.environments import site_python as prepared_python
from local_site.layout import Layout
from local_site.model_registry import model_registry
from local_site.processes import ProcessSpec, Supervisor


@pytest.fixture
def free_port() -> int:
    """A loopback port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="session")
def site_python(site_settings, tmp_path_factory) -> Path:
    """Interpreter of the environment with the MLflow server."""
    lock_file = site_settings.root / "requirements-local-site.txt"
    log_file = tmp_path_factory.mktemp("logs") / "install.log"
    return prepared_python(site_settings.cache_dir, lock_file, log_file)


@dataclass
class OwnServer:
    """An MLflow server of the test's own."""

    supervisor: Supervisor
    spec: ProcessSpec
    url: str

    def start(self) -> None:
        self.supervisor.ensure(self.spec)

    def stop(self) -> None:
        self.supervisor.stop(self.spec.name)


@pytest.fixture
def own_server(site_python, free_port, tmp_path) -> Iterator[OwnServer]:
    """A running one."""
    yield from _served(tmp_path, site_python, free_port)


@pytest.fixture
def writing_server(site_python, free_port, tmp_path) -> Iterator[OwnServer]:
    """A running one that takes no artifacts: its clients write them to a directory that all can reach."""
    store = ("--no-serve-artifacts", "--default-artifact-root", str(tmp_path / "artifacts"))
    yield from _served(tmp_path, site_python, free_port, *store)


@pytest.fixture(scope="session")
def mlflow_address(site_python, tmp_path_factory) -> Iterator[tuple[str, int]]:
    """Host and port of a server that does not mind by which name it is called: for proxies in front of it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
    for _ in _served(tmp_path_factory.mktemp("mlflow"), site_python, port, "--allowed-hosts", "*"):
        yield "127.0.0.1", port


def _served(directory: Path, python: Path, port: int, *options: str) -> Iterator[OwnServer]:
    layout = Layout(directory / "site", directory / "cache")
    layout.state_dir.mkdir()
    spec = model_registry(layout, python, port)
    spec = replace(spec, command=[*spec.command, *options])
    server = OwnServer(Supervisor(layout), spec, f"http://127.0.0.1:{port}")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def azureml_standin(tmp_path_factory) -> Iterator[AzureMl]:
    """A stand-in for Azure Machine Learning."""
    with running_azureml(tmp_path_factory.mktemp("azureml")) as standin:
        yield standin


@pytest.fixture
def azureml(azureml_standin) -> AzureMl:
    """A workspace without anything."""
    azureml_standin.forget()
    return azureml_standin


@pytest.fixture
def workspace(azureml) -> SeenWorkspace:
    """How it looks from outside."""
    return SeenWorkspace(azureml)


@pytest.fixture
def program(azureml, site_settings, tmp_path) -> Program:
    """Our adapter in azureml-core's interpreter, without the bridge."""
    return steps(azureml, site_settings, tmp_path)
