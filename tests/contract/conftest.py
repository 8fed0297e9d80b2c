"""Each port's suite runs on its fake and on its real adapter; the real ones talk to the local site."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.contract import validations as checks
from tests.contract.tracking import Tracking, in_memory, on_mlflow, on_mlflow_over_the_bridge, over
from tests.fakes.image_registry import InMemoryImageRegistry
from tests.fakes.model_registry import InMemoryModelRegistry
from tests.mlflow_runs import runs_on
from tests.standins.azureml.bridging import MLFLOW, bridge_to
from tests.standins.azureml.interpreter import running_mlflow
from tests.standins.azureml.reading import SeenWorkspace, logs_of
from tests.standins.azureml.server import AzureMl, running_azureml

from edge_training.adapters.bridge.client import Bridge
from edge_training.adapters.bridge.ports import BridgedRegistry, BridgedValidationArchive
from edge_training.adapters.mlflow.registry import MlflowRegistry
from edge_training.adapters.mlflow.session import MlflowSession
from edge_training.adapters.oci.registry import OciRegistry
from edge_training.ports.image_registry import ImageRegistry
from edge_training.ports.model_registry import ModelRegistry

REAL = pytest.mark.integration


@dataclass(frozen=True)
class OverCore:
    """A workspace that is spoken to by azureml-core.

    Attributes:
        seen: The workspace from outside.
        bridge: Leads to it.
    """

    seen: SeenWorkspace
    bridge: Bridge


@pytest.fixture(scope="module")
def azureml(site_settings, tmp_path_factory) -> Iterator[OverCore]:
    """A workspace behind the bridge; the other interpreter takes seconds to start."""
    folder = tmp_path_factory.mktemp("azureml")
    with running_azureml(folder) as standin, bridge_to(standin, site_settings, folder) as bridge:
        yield OverCore(SeenWorkspace(standin), bridge)


@dataclass(frozen=True)
class OverMlflow:
    """A workspace that is spoken to by MLflow's protocol.

    Attributes:
        standin: The workspace.
        url: The MLflow server behind it, for whoever looks at what was written.
        bridge: Leads to it.
    """

    standin: AzureMl
    url: str
    bridge: Bridge

    def logs_of(self, run_id: str) -> dict[str, int]:
        """Size by name of a run's logs."""
        return logs_of(self.standin, run_id)


@pytest.fixture(scope="module")
def azureml_mlflow(site_settings, tmp_path_factory) -> Iterator[OverMlflow]:
    """A workspace behind the bridge, by MLflow's protocol."""
    folder = tmp_path_factory.mktemp("azureml-mlflow")
    with (
        running_mlflow(site_settings, tmp_path_factory.mktemp("mlflow")) as url,
        running_azureml(folder, mlflow_url=url) as standin,
        bridge_to(standin, site_settings, folder, kind=MLFLOW) as bridge,
    ):
        yield OverMlflow(standin, url, bridge)


def real(*kinds: str) -> list[Any]:
    """The fake, and real ones."""
    return ["fake", *(pytest.param(kind, marks=REAL) for kind in kinds)]


@pytest.fixture(params=real("mlflow", "mlflow over the bridge", "azureml", MLFLOW))
def models(request) -> Iterator[ModelRegistry]:
    """A model registry."""
    if request.param == "fake":
        yield InMemoryModelRegistry()
        return
    if request.param == "azureml":
        yield BridgedRegistry(request.getfixturevalue("azureml").bridge)
        return
    if request.param == MLFLOW:
        yield BridgedRegistry(request.getfixturevalue("azureml_mlflow").bridge)
        return
    url = request.getfixturevalue("site").mlflow_url
    if request.param == "mlflow":
        yield MlflowRegistry(MlflowSession(url))
        return
    bridge = Bridge(Path(sys.executable), {"kind": "mlflow", "url": url})
    yield BridgedRegistry(bridge)
    bridge.close()


@pytest.fixture(params=real("mlflow", "mlflow over the bridge", "azureml", MLFLOW))
def tracking(request) -> Iterator[Tracking]:
    """The runs of trainings."""
    if request.param == "fake":
        yield in_memory()
        return
    if request.param == "azureml":
        found = request.getfixturevalue("azureml")
        yield over(found.bridge, found.seen.training_runs)
        return
    if request.param == MLFLOW:
        found = request.getfixturevalue("azureml_mlflow")
        yield over(found.bridge, partial(runs_on, found.url, logs_of=found.logs_of))
        return
    url = request.getfixturevalue("site").mlflow_url
    if request.param == "mlflow":
        yield on_mlflow(url)
        return
    with on_mlflow_over_the_bridge(url) as found:
        yield found


@pytest.fixture(params=real("mlflow", "azureml", MLFLOW))
def validations(request) -> checks.Checks:
    """The archive of checks."""
    if request.param == "fake":
        return checks.in_memory()
    if request.param == "azureml":
        found = request.getfixturevalue("azureml")
        return checks.Checks(BridgedValidationArchive(found.bridge), partial(checks.runs_in, found.seen))
    if request.param == MLFLOW:
        found = request.getfixturevalue("azureml_mlflow")
        return checks.Checks(BridgedValidationArchive(found.bridge), partial(checks.runs_on, found.url))
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
