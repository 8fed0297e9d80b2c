"""Each port's suite runs on its fake and on its real adapter; the real ones talk to the local site."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.contract import validations as checks
from tests.contract.tracking import Tracking, in_memory, on_mlflow, on_mlflow_over_the_bridge, over
from tests.fakes.image_registry import InMemoryImageRegistry
from tests.fakes.model_registry import InMemoryModelRegistry
from tests.mlflow_runs import SeenRun, runs_on
from tests.standins.azureml.bridging import MLFLOW, Way, bridge_to, way_to
from tests.standins.azureml.interpreter import running_mlflow
from tests.standins.azureml.reading import SeenWorkspace, logs_of
from tests.standins.azureml.server import running_azureml

from edge_training.adapters.bridge.client import Bridge
from edge_training.adapters.bridge.ports import BridgedRegistry, BridgedValidationArchive
from edge_training.adapters.mlflow.registry import MlflowRegistry
from edge_training.adapters.mlflow.session import MlflowSession
from edge_training.adapters.oci.registry import OciRegistry
from edge_training.ports.image_registry import ImageRegistry
from edge_training.ports.model_registry import ModelRegistry

REAL = pytest.mark.integration
WORKSPACES = ("azureml", MLFLOW)
"""Kinds of registry that are fixtures of the same name."""


@dataclass(frozen=True)
class Reached:
    """A workspace of Azure Machine Learning, and one kind of client that speaks to it.

    Attributes:
        bridge: Leads to it.
        impatient_way: Leads to it, too; what fails there is not repeated.
        runs: The runs of a model's training, seen from outside.
        checks: The checks of a model, seen from outside.
    """

    bridge: Bridge
    impatient_way: Way
    runs: Callable[[str, str], list[SeenRun]]
    checks: Callable[[str], list[checks.SeenCheck]]


@pytest.fixture(scope="module")
def azureml(site_settings, tmp_path_factory) -> Iterator[Reached]:
    """By azureml-core; the other interpreter takes seconds to start."""
    folder = tmp_path_factory.mktemp("azureml")
    with running_azureml(folder) as standin, bridge_to(standin, site_settings, folder) as bridge:
        way, seen = way_to(standin, site_settings, folder, patience_s=0), SeenWorkspace(standin)
        yield Reached(bridge, way, seen.training_runs, partial(checks.runs_in, seen))


@pytest.fixture(scope="module", name=MLFLOW)
def azureml_mlflow(site_settings, tmp_path_factory) -> Iterator[Reached]:
    """By MLflow's protocol."""
    folder = tmp_path_factory.mktemp("azureml-mlflow")
    with (
        running_mlflow(site_settings, tmp_path_factory.mktemp("mlflow")) as url,
        running_azureml(folder, mlflow_url=url) as standin,
        bridge_to(standin, site_settings, folder, kind=MLFLOW) as bridge,
    ):
        way = way_to(standin, site_settings, folder, kind=MLFLOW, patience_s=0)
        runs = partial(runs_on, url, logs_of=partial(logs_of, standin))
        yield Reached(bridge, way, runs, partial(checks.runs_on, url))


def real(*kinds: str) -> list[Any]:
    """The fake, and real ones."""
    return ["fake", *(pytest.param(kind, marks=REAL) for kind in kinds)]


@pytest.fixture(params=real("mlflow", "mlflow over the bridge", *WORKSPACES))
def models(request) -> Iterator[ModelRegistry]:
    """A model registry."""
    if request.param == "fake":
        yield InMemoryModelRegistry()
        return
    if request.param in WORKSPACES:
        yield BridgedRegistry(request.getfixturevalue(request.param).bridge)
        return
    url = request.getfixturevalue("site").mlflow_url
    if request.param == "mlflow":
        yield MlflowRegistry(MlflowSession(url))
        return
    bridge = Bridge(Path(sys.executable), {"kind": "mlflow", "url": url})
    yield BridgedRegistry(bridge)
    bridge.close()


@pytest.fixture(params=real("mlflow", "mlflow over the bridge", *WORKSPACES))
def tracking(request) -> Iterator[Tracking]:
    """The runs of trainings."""
    if request.param == "fake":
        yield in_memory()
        return
    if request.param in WORKSPACES:
        found = request.getfixturevalue(request.param)
        yield over(found.bridge, found.runs)
        return
    url = request.getfixturevalue("site").mlflow_url
    if request.param == "mlflow":
        yield on_mlflow(url)
        return
    with on_mlflow_over_the_bridge(url) as found:
        yield found


@pytest.fixture(params=real("mlflow", *WORKSPACES))
def validations(request) -> checks.Checks:
    """The archive of checks."""
    if request.param == "fake":
        return checks.in_memory()
    if request.param in WORKSPACES:
        found = request.getfixturevalue(request.param)
        return checks.Checks(BridgedValidationArchive(found.bridge), found.checks)
    return checks.on_mlflow(request.getfixturevalue("site").mlflow_url)


@pytest.fixture(params=real("oci"))
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
