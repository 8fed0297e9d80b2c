"""Each port's suite runs on its fake and on its real adapter; the real ones talk to the local site."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract import validations as checks
from tests.contract.tracking import Tracking, in_memory, on_mlflow, on_mlflow_over_the_bridge
from tests.fakes.image_registry import InMemoryImageRegistry
from tests.fakes.model_registry import InMemoryModelRegistry
from tests.standins.azureml.bridging import bridged
from tests.standins.azureml.server import running_azureml

from edge_training.adapters.bridge.client import Bridge
from edge_training.adapters.bridge.ports import BridgedRegistry
from edge_training.adapters.mlflow_registry import MlflowRegistry
from edge_training.adapters.mlflow_session import MlflowSession
from edge_training.adapters.oci_registry import OciRegistry
from edge_training.ports.image_registry import ImageRegistry
from edge_training.ports.model_registry import ModelRegistry

REAL = pytest.mark.integration


@pytest.fixture(scope="module")
def azureml(site_settings, tmp_path_factory) -> Iterator[ModelRegistry]:
    """A workspace behind the bridge; the other interpreter takes seconds to start."""
    folder = tmp_path_factory.mktemp("azureml")
    with running_azureml(folder) as standin, bridged(standin, site_settings, folder) as registry:
        yield registry


@pytest.fixture(
    params=[
        "fake",
        *(pytest.param(kind, marks=REAL) for kind in ("mlflow", "mlflow over the bridge", "azureml")),
    ]
)
def models(request) -> Iterator[ModelRegistry]:
    """A model registry."""
    if request.param == "fake":
        yield InMemoryModelRegistry()
        return
    if request.param == "azureml":
        yield request.getfixturevalue("azureml")
        return
    url = request.getfixturevalue("site").mlflow_url
    if request.param == "mlflow":
        yield MlflowRegistry(MlflowSession(url))
        return
    bridge = Bridge(Path(sys.executable), {"kind": "mlflow", "url": url})
    yield BridgedRegistry(bridge)
    bridge.close()


@pytest.fixture(
    params=["fake", pytest.param("mlflow", marks=REAL), pytest.param("mlflow over the bridge", marks=REAL)]
)
def tracking(request) -> Iterator[Tracking]:
    """The runs of trainings."""
    if request.param == "fake":
        yield in_memory()
        return
    url = request.getfixturevalue("site").mlflow_url
    if request.param == "mlflow":
        yield on_mlflow(url)
        return
    with on_mlflow_over_the_bridge(url) as found:
        yield found


@pytest.fixture(params=["fake", pytest.param("mlflow", marks=REAL)])
def validations(request) -> checks.Checks:
    """The archive of checks."""
    if request.param == "fake":
        return checks.in_memory()
    return checks.on_mlflow(request.getfixturevalue("site").mlflow_url)


@pytest.fixture(params=["fake", pytest.param("oci", marks=REAL)])
def images(request) -> Iterator[ImageRegistry]:
    """A container registry that we may push to."""
    if request.param == "fake":
        yield InMemoryImageRegistry()
        return
    site = request.getfixturevalue("site")
    registry = OciRegistry(
        site.registry, site.registry_user, site.registry_password, ca_pem=site.ca_file.read_text()
    )
    yield registry
    registry.close()


@pytest.fixture
def name() -> str:
    """A name nobody else uses."""
    return f"contract-{uuid.uuid4().hex[:12]}"
