"""The archive of checks that the contract's tests write to and look at: in memory, or in a real registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import httpx
from tests.fakes.validations import InMemoryValidations
from tests.standins.azureml.reading import SeenWorkspace

from edge_training.adapters.azureml.runs import STATUSES
from edge_training.adapters.mlflow.session import MlflowSession
from edge_training.adapters.mlflow.validations import MlflowValidationArchive
from edge_training.ports.validations import ValidationArchive


@dataclass(frozen=True)
class SeenCheck:
    """A check as people see it.

    Attributes:
        run_id: Its run's id.
        name: What the run is called.
        status: As MLflow calls it.
        tags: Its tags.
        metrics: Its metrics.
    """

    run_id: str
    name: str
    status: str
    tags: dict[str, str]
    metrics: dict[str, float]


@dataclass(frozen=True)
class Checks:
    """All that knows the checks.

    Attributes:
        archive: Keeps them.
        runs: Those of one model.
    """

    archive: ValidationArchive
    runs: Callable[[str], list[SeenCheck]]


def in_memory() -> Checks:
    """Checks in memory."""
    archive = InMemoryValidations()
    return Checks(archive, lambda model_name: [seen(*run) for run in archive.kept.items()])


def seen(run_id, kept) -> SeenCheck:
    """A check in memory, with what MLflow would show of it."""
    tags = {**kept.tags, "kind": "validation", "validation_job": kept.job_name, "partition": kept.partition}
    status = "FINISHED" if kept.passed else "FAILED"
    return SeenCheck(run_id, f"validate {kept.partition}", status, tags, dict(kept.metrics))


def on_mlflow(url: str) -> Checks:
    """Checks on an MLflow server."""
    return Checks(MlflowValidationArchive(MlflowSession(url)), lambda model_name: runs_on(url, model_name))


def runs_on(url: str, model_name: str) -> list[SeenCheck]:
    """All runs in a model's experiment, as MLflow's API tells of them."""
    with httpx.Client(base_url=f"{url}/api/2.0/mlflow/", trust_env=False) as client:
        answer = client.get("experiments/get-by-name", params={"experiment_name": model_name})
        query = {"experiment_ids": [answer.raise_for_status().json()["experiment"]["experiment_id"]]}
        runs = client.post("runs/search", json=query).raise_for_status().json().get("runs", [])
    return [
        SeenCheck(
            run["info"]["run_id"],
            run["info"]["run_name"],
            run["info"]["status"],
            {tag["key"]: tag["value"] for tag in run["data"].get("tags", [])},
            {metric["key"]: metric["value"] for metric in run["data"].get("metrics", [])},
        )
        for run in runs
    ]


def runs_in(workspace: SeenWorkspace, model_name: str) -> list[SeenCheck]:
    """All runs in a model's experiment, as a workspace tells of them."""
    return [
        SeenCheck(
            run["runId"],
            run["displayName"],
            STATUSES[run["status"]],
            run["tags"],
            {point.name: point.value for point in workspace.timed_points(run["runId"])},
        )
        for run in workspace.runs(model_name)
    ]
