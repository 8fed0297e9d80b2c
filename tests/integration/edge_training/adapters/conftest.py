"""What servers of a test's own need."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from tests import bundles
from tests.integration.edge_training.adapters.azureml.own_client import steps
from tests.mlflow_runs import SeenRun, runs_on
from tests.standins.azureml.bridging import MLFLOW, bridge_to
from tests.standins.azureml.interpreter import Program
from tests.standins.azureml.reading import SeenWorkspace, logs_of
from tests.standins.azureml.server import AzureMl, running_azureml

from edge_training.adapters.bridge.client import Bridge
from edge_training.adapters.bridge.ports import BridgedRegistry
from edge_training.bundle import Metric
from edge_training.ports.model_registry import STATE_TAG, ModelRegistry, Registration
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


@pytest.fixture(scope="session")
def azureml_standin(mlflow_address, tmp_path_factory) -> Iterator[AzureMl]:
    """A stand-in for Azure Machine Learning, with an MLflow server behind it that remembers every test."""
    host, port = mlflow_address
    folder = tmp_path_factory.mktemp("azureml")
    with running_azureml(folder, mlflow_url=f"http://{host}:{port}") as standin:
        yield standin


@pytest.fixture
def azureml(azureml_standin) -> AzureMl:
    """A workspace without anything, where nothing goes wrong."""
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


@pytest.fixture(params=["azureml", MLFLOW])
def kind(request) -> str:
    """The kind of client that speaks to the workspace; a module for one kind has its own of this name."""
    return request.param


@pytest.fixture(scope="session")
def bridges(azureml_standin, site_settings, tmp_path_factory) -> Iterator[Callable[..., Bridge]]:
    """Bridges by kind and further options; each starts once, for all tests."""
    with ExitStack() as stack:

        @cache
        def opened(kind: str, **options: Any) -> Bridge:
            home = tmp_path_factory.mktemp("home")
            return stack.enter_context(bridge_to(azureml_standin, site_settings, home, kind=kind, **options))

        yield opened


@pytest.fixture
def impatient_bridge(azureml, bridges, kind) -> Bridge:
    """One that waits for nothing: what is cut ends its call."""
    return bridges(kind, patience_s=0)


@pytest.fixture
def impatient(impatient_bridge) -> ModelRegistry:
    """A registry that waits for nothing."""
    return BridgedRegistry(impatient_bridge)


@pytest.fixture
def patient(azureml, bridges, kind) -> ModelRegistry:
    """A registry as it is used."""
    return BridgedRegistry(bridges(kind))


@pytest.fixture
def name() -> str:
    """A model's name that no other test has used."""
    return f"model-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def registration(tmp_path, name) -> Registration:
    """A training with everything that is registered of one."""
    model = b"flavors:\n  python_function: {}\n  sklearn: {sklearn_version: 1.7.2}\n"
    return Registration(
        name=name,
        training_key="5" * 64,
        bundle=bundles.stored(tmp_path / "store", {**bundles.FILES, "model/MLmodel": model}),
        tags={"partition": "2013-02-01", "gates": "g" * 1500},
        metrics=[Metric("mae", 9.0, 1), Metric("mae", 7.5, 2), Metric("holdout/mae", 7.9)],
        params={"window_days": "14"},
        run_tags={"autologged": "yes"},
        attachments={"card/card.html": b"<p>card</p>"},
        description="for a test",
        card="card/card.html",
    )


@pytest.fixture
def runs(kind, azureml, workspace, mlflow_address) -> Callable[[str, str], list[SeenRun]]:
    """The runs of a model's training, seen from outside."""
    if kind == MLFLOW:
        host, port = mlflow_address
        return partial(runs_on, f"http://{host}:{port}", logs_of=partial(logs_of, azureml))
    return workspace.training_runs


@pytest.fixture
def is_complete(runs, tmp_path_factory) -> Callable[[ModelRegistry, Registration], bool]:
    """Whether there is one version, with one run, of which nothing is missing."""

    def look(registry: ModelRegistry, registration: Registration) -> bool:
        (only,) = registry.search(registration.name)
        assert registry.find(registration.name, registration.training_key) == only
        assert only.tags.items() >= {**registration.tags, STATE_TAG: registration.state}.items()
        (run,) = runs(registration.name, registration.training_key)
        assert (run.run_id, run.status) == (only.run_id, "FINISHED")
        assert run.tags[STATE_TAG] == registration.state
        assert {Metric(point.name, point.value, point.step) for point in run.points} == {
            *registration.metrics
        }
        for path, content in registration.attachments.items():
            assert registry.attached(only, path) == content
        fetched = registry.fetch(only, tmp_path_factory.mktemp("fetched"))
        return fetched.read_bytes() == registration.bundle.read_bytes()

    return look
