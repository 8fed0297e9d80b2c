"""The stand-in for Azure Machine Learning, and the real clients in their own interpreter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.standins.azureml.interpreter import Program, azureml_python, running_mlflow
from tests.standins.azureml.server import AzureMl, running_azureml

PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture(scope="session")
def python(site_settings, tmp_path_factory) -> Path:
    return azureml_python(site_settings, tmp_path_factory.mktemp("logs") / "install.log")


@pytest.fixture(scope="session")
def mlflow_url(site_settings, tmp_path_factory) -> Iterator[str]:
    with running_mlflow(site_settings, tmp_path_factory.mktemp("mlflow")) as url:
        yield url


@pytest.fixture(scope="session")
def running(tmp_path_factory) -> Iterator[AzureMl]:
    """One for all tests that need no MLflow."""
    with running_azureml(tmp_path_factory.mktemp("azureml")) as standin:
        yield standin


@pytest.fixture
def azureml(running) -> AzureMl:
    """A workspace without anything."""
    running.forget()
    return running


@pytest.fixture(scope="session")
def running_with_mlflow(tmp_path_factory, mlflow_url) -> Iterator[AzureMl]:
    """One for all tests with MLflow; its server remembers all of them."""
    with running_azureml(tmp_path_factory.mktemp("azureml"), mlflow_url=mlflow_url) as standin:
        yield standin


@pytest.fixture
def azureml_with_mlflow(running_with_mlflow) -> AzureMl:
    """A workspace without anything but what MLflow's server remembers."""
    running_with_mlflow.forget()
    return running_with_mlflow


@pytest.fixture
def core(azureml, python, tmp_path) -> Program:
    """Calls a function of `programs/core.py`."""
    return program(azureml, python, tmp_path, "core", scope=azureml.workspace.scope)


@pytest.fixture
def mlflow(azureml_with_mlflow, python, tmp_path) -> Program:
    """Calls a function of `programs/mlflow_calls.py`."""
    uri = azureml_with_mlflow.workspace.tracking_uri
    return program(azureml_with_mlflow, python, tmp_path, "mlflow_calls", uri=uri)


def program(standin: AzureMl, python: Path, tmp_path: Path, name: str, **always: str) -> Program:
    """Calls functions of a program, with some arguments always the same."""
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    return Program(python, PROGRAMS / f"{name}.py", standin.environment(home), home, always)


@pytest.fixture
def bundle(tmp_path) -> Path:
    """A folder as it may be registered, where the clients work."""
    folder = tmp_path / "home" / "bundle"
    (folder / "code").mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}\n")
    (folder / "code" / "data.bin").write_bytes(bytes(range(256)) * 100)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Files of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
