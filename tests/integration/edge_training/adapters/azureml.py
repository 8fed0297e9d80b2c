"""What the tests of the Azure Machine Learning adapter share: how a workspace looks from outside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from tests.standins.azureml.arm import COMPUTES_VERSION
from tests.standins.azureml.bridging import options
from tests.standins.azureml.interpreter import Program, azureml_python
from tests.standins.azureml.server import AzureMl

from edge_training.adapters.bridge.client import INCLUDE_DIR
from local_site.health import ssl_context
from local_site.settings import Settings

PROGRAM = Path(__file__).parent / "programs" / "azureml_steps.py"
CALLING = Path(__file__).parents[2] / "standins" / "azureml" / "programs"
"""Where the module is that makes the calls of a program."""


@dataclass(frozen=True)
class Workspace:
    """A workspace as its own REST API tells it."""

    standin: AzureMl

    def run(self, run_id: str) -> dict[str, Any]:
        """A run."""
        return self._get("history/v1.0", f"runs/{run_id}")

    def points(self, run_id: str, metric: str) -> list[tuple[int, float]]:
        """Steps and values of a metric of a run, in the order of steps."""
        with self._client() as client:
            asked = {"metricName": metric}
            answer = client.post(self._url("metric/v2.0", f"runs/{run_id}/full"), json=asked)
            rows = answer.raise_for_status().json()["value"]
        return sorted((row["step"], row["data"][metric]) for row in rows)

    def versions(self, name: str) -> list[dict[str, Any]]:
        """The versions of a model, the newest first."""
        return self._get("modelmanagement/v1.0", "models", name=name)["value"]

    def asset(self, asset_id: str) -> dict[str, Any]:
        """An asset."""
        return self._get("modelmanagement/v1.0", f"assets/{asset_id}")

    def artifacts(self, run_id: str) -> list[str]:
        """Paths of a run's files."""
        found = self._get("artifact/v2.0", f"artifacts/ExperimentRun/dcid.{run_id}")["value"]
        return [each["path"] for each in found]

    def computes(self) -> dict[str, dict[str, Any]]:
        """Address and port of the attached machines by name."""
        found = self._get("rp/workspaces", "computes", **{"api-version": COMPUTES_VERSION})["value"]
        return {each["name"]: each["properties"]["properties"] for each in found}

    def experiment(self, name: str) -> dict[str, Any]:
        """An experiment."""
        return self._get("history/v1.0", f"experiments/{name}")

    def _get(self, service: str, path: str, **query: str) -> dict[str, Any]:
        with self._client() as client:
            return client.get(self._url(service, path), params=query).raise_for_status().json()

    def _url(self, service: str, path: str) -> str:
        workspace = self.standin.workspace
        return f"https://{workspace.services}/{service}{workspace.scope}/{path}"

    @contextmanager
    def _client(self) -> Iterator[httpx.Client]:
        token = {"Authorization": f"Bearer {self.standin.tokens.give()}"}
        with httpx.Client(
            proxy=f"http://{self.standin.proxy}",
            verify=ssl_context(self.standin.ca_file),
            trust_env=False,
            headers=token,
        ) as client:
            yield client


def steps(standin: AzureMl, settings: Settings, home: Path) -> Program:
    """Calls functions of our own adapter in azureml-core's interpreter."""
    told = {name: value for name, value in options(standin).items() if name != "kind"}
    environment = {
        "HOME": str(home),
        "HTTPS_PROXY": f"http://{standin.proxy}",
        "PYTHONPATH": f"{INCLUDE_DIR}:{CALLING}",
    }
    python = azureml_python(settings, home / "install.log")
    return Program(python, PROGRAM, environment, home, {"options": told})
