"""The room of metrics: rows that are added to a run, and read again.

Sources: `azureml/_restclient/operations/metric_operations.py` and the shapes `BatchMetricV2Dto`,
`MetricV2Dto`, `MetricV2Value`, `MetricDefinitionDto` and `RetrieveFullFidelityMetricRequestDto` of
`azureml/_restclient/models`; `run_metric_operations.py` for the wait. A row has an id given by the client:
sent again, it is one row still.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body
from tests.standins.azureml import limits
from tests.standins.azureml.history import found_run
from tests.standins.azureml.persistence import Documents
from tests.standins.azureml.refusals import Refused
from tests.standins.azureml.workspace import SCOPE_PATH

METRIC = "metric"


def routes(documents: Documents) -> APIRouter:
    """The routes of metrics."""
    router = APIRouter(prefix=f"/metric/v2.0{SCOPE_PATH}/runs/{{run}}")

    @router.post("/batch")
    def post(run: str, batch: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        found_run(documents, run)
        if sum(len(metric["value"]) for metric in batch["values"]) > limits.METRIC_ROWS_PER_BATCH:
            sentence = f"A batch has {limits.METRIC_ROWS_PER_BATCH} rows of metrics at most."
            raise Refused(400, "BadArgument", sentence)
        with documents.transaction():
            for metric in batch["values"]:
                documents.put(METRIC, f"{run}/{metric['name']}", added(documents, run, metric))
        return {"errors": []}

    @router.post("/list")
    def list_names(run: str) -> dict[str, Any]:
        found_run(documents, run)
        value = [
            {"metricKey": {"name": metric["name"]}, "columns": metric["columns"]}
            for metric in documents.all(METRIC, f"{run}/")
        ]
        return {"value": value, "continuationToken": None}

    @router.post("/full")
    def full(run: str, asked: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        found_run(documents, run)
        kept = documents.get(METRIC, f"{run}/{asked['metricName']}")
        if kept is None:
            raise Refused(404, "NotFoundError", f"Metric '{asked['metricName']}' was not found.")
        return kept

    return router


def waiting(documents: Documents) -> APIRouter:
    """The route that a client waits at until its metrics have been taken in; here they always have."""
    router = APIRouter(prefix=f"/history/v1.0{SCOPE_PATH}/experiments/{{experiment}}/runs/{{run}}")

    @router.get("/metricsingest/wait")
    def wait(run: str) -> None:
        found_run(documents, run)

    return router


def added(documents: Documents, run: str, metric: dict[str, Any]) -> dict[str, Any]:
    """A metric with the rows it has and those that come."""
    limits.require_length("A metric's name", metric["name"], limits.METRIC_NAME_LENGTH)
    before = documents.get(METRIC, f"{run}/{metric['name']}")
    if before is None and len(documents.all(METRIC, f"{run}/")) >= limits.METRIC_NAMES:
        raise Refused(400, "BadArgument", f"A run has {limits.METRIC_NAMES} names of metrics at most.")
    rows = {row["metricId"]: row for row in [*(before or metric)["value"], *metric["value"]]}
    return {**metric, "value": list(rows.values()), "continuationToken": None}
