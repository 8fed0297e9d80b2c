"""How a workspace looks from outside, by its own REST API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from tests.mlflow_runs import SeenRun
from tests.standins.azureml.arm import COMPUTES_VERSION
from tests.standins.azureml.server import AzureMl

from edge_runner.frames import Point
from edge_training.adapters.azureml.runs import STATUSES
from local_site.health import ssl_context


@dataclass(frozen=True)
class SeenWorkspace:
    """A workspace as it tells of itself."""

    standin: AzureMl

    def run(self, run_id: str) -> dict[str, Any]:
        """A run."""
        return self._get("history/v1.0", f"runs/{run_id}")

    def points(self, run_id: str, metric: str) -> list[tuple[int, float]]:
        """Steps and values of a metric of a run, in the order of steps."""
        return sorted((row["step"], row["data"][metric]) for row in self._rows(run_id, metric))

    def runs(self, experiment: str) -> list[dict[str, Any]]:
        """All runs of an experiment; none, when there is no experiment."""
        with self._client() as client:
            answer = client.post(self._url("history/v1.0", f"experiments/{experiment}/runs:query"), json={})
        return (
            [] if answer.status_code == httpx.codes.NOT_FOUND else answer.raise_for_status().json()["value"]
        )

    def metric_names(self, run_id: str) -> list[str]:
        """The names of a run's metrics."""
        with self._client() as client:
            answer = client.post(self._url("metric/v2.0", f"runs/{run_id}/list"), json={})
        return [each["metricKey"]["name"] for each in answer.raise_for_status().json()["value"]]

    def timed_points(self, run_id: str) -> list[Point]:
        """All points of a run, in the order of steps and times."""
        points = [
            Point(row["step"], name, row["data"][name], time_ms(row["createdUtc"]))
            for name in self.metric_names(run_id)
            for row in self._rows(run_id, name)
        ]
        return sorted(points, key=lambda point: (point.step, point.time_ms, point.name))

    def training_runs(self, model: str, key: str) -> list[SeenRun]:
        """The runs of a training."""
        return [
            SeenRun(
                run["runId"],
                STATUSES.get(run["status"], "RUNNING"),
                run["tags"],
                self.timed_points(run["runId"]),
                logs_of(self.standin, run["runId"]),
            )
            for run in self.runs(model)
            if run["tags"].get("training_key") == key
        ]

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

    def _rows(self, run_id: str, metric: str) -> list[dict[str, Any]]:
        with self._client() as client:
            asked = {"metricName": metric}
            answer = client.post(self._url("metric/v2.0", f"runs/{run_id}/full"), json=asked)
        return answer.raise_for_status().json()["value"]

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


def time_ms(moment: str) -> int:
    """A time as the service writes it, in milliseconds since 1970."""
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


def logs_of(standin: AzureMl, run_id: str) -> dict[str, int]:
    """Size by name of a run's logs."""
    files = standin.files_of_run(run_id)
    return {path.removeprefix("logs/"): files[path] for path in files if path.startswith("logs/")}
