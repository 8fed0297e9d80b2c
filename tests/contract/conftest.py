"""Each port's suite runs on its fake and on its real adapter; the real ones talk to the local site."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from tests.contract import validations as checks
from tests.contract.tracking import Tracking, in_memory, on_mlflow
from tests.fakes.image_registry import InMemoryImageRegistry
from tests.fakes.model_registry import InMemoryModelRegistry

from edge_training.adapters.mlflow_registry import MlflowRegistry
from edge_training.adapters.mlflow_session import MlflowSession
from edge_training.adapters.oci_registry import OciRegistry
from edge_training.ports.image_registry import ImageRegistry
from edge_training.ports.model_registry import ModelRegistry

REAL = pytest.mark.integration


@pytest.fixture(params=["fake", pytest.param("mlflow", marks=REAL)])
def models(request) -> ModelRegistry:
    """A model registry."""
    if request.param == "fake":
        return InMemoryModelRegistry()
    return MlflowRegistry(MlflowSession(request.getfixturevalue("site").mlflow_url))


@pytest.fixture(params=["fake", pytest.param("mlflow", marks=REAL)])
def tracking(request) -> Tracking:
    """The runs of trainings."""
    if request.param == "fake":
        return in_memory()
    return on_mlflow(request.getfixturevalue("site").mlflow_url)


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
