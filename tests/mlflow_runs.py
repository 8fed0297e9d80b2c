"""What an MLflow server holds of a training, as its own API tells it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx

from edge_runner.frames import Point


@dataclass(frozen=True)
class SeenRun:
    """A training's run.

    Attributes:
        run_id: Its id.
        status: As MLflow calls it.
        tags: Its tags.
        points: All points of all metrics, in the order of steps and times.
        logs: Size of each raw log by name.
    """

    run_id: str
    status: str
    tags: dict[str, str] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)
    logs: dict[str, int] = field(default_factory=dict)


LogsOf = Callable[[str], dict[str, int]]
"""Size by name of a run's logs, where the server does not know them."""


def runs_on(url: str, model_name: str, training_key: str, logs_of: LogsOf | None = None) -> list[SeenRun]:
    """All runs of a training but losers: of several, those that have ended as `KILLED`."""
    with httpx.Client(base_url=f"{url}/api/2.0/mlflow/", trust_env=False) as client:
        answer = client.get("experiments/get-by-name", params={"experiment_name": model_name})
        if answer.status_code == httpx.codes.NOT_FOUND:
            return []
        query = {
            "experiment_ids": [answer.json()["experiment"]["experiment_id"]],
            "filter": f"tags.training_key = '{training_key}'",
        }
        runs = client.post("runs/search", json=query).raise_for_status().json().get("runs", [])
        kept = [run for run in runs if run["info"]["status"] != "KILLED"] or runs
        return [_seen(client, run, logs_of or partial(_logs_of, client)) for run in kept]


def _seen(client: httpx.Client, run: dict[str, Any], logs_of: LogsOf) -> SeenRun:
    run_id = run["info"]["run_id"]
    points = []
    for metric in run["data"].get("metrics", []):
        query = {"run_id": run_id, "metric_key": metric["key"]}
        history = client.get("metrics/get-history", params=query).raise_for_status().json()["metrics"]
        points += [Point(at["step"], at["key"], at["value"], at["timestamp"]) for at in history]
    return SeenRun(
        run_id,
        run["info"]["status"],
        {tag["key"]: tag["value"] for tag in run["data"].get("tags", [])},
        sorted(points, key=lambda point: (point.step, point.time_ms, point.name)),
        logs_of(run_id),
    )


def _logs_of(client: httpx.Client, run_id: str) -> dict[str, int]:
    found = client.get("artifacts/list", params={"run_id": run_id, "path": "logs"}).raise_for_status().json()
    files = found.get("files", [])
    return {file["path"].removeprefix("logs/"): int(file.get("file_size", 0)) for file in files}
