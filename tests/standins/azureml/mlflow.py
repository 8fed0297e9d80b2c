"""The room of MLflow: a real MLflow server behind the workspace's path, without what Azure ML does not serve.

Sources: `azureml/mlflow/_store/azureml_reststore.py` (the path, and that only the second version of the API
is served), the request messages of MLflow's `service.proto` and `model_registry.proto`, "Manage models
registries in Azure Machine Learning with MLflow" (a registered model keeps its name), and
github.com/Azure/azure-sdk-for-python/issues/44896: calls that it does not know, such as those of MLflow 3
for logged models, are answered with 404 and nothing else. Aliases and searches for tags of models are not
documented, and are refused: what a client needs has to work without them. Artifacts do not pass here: an
experiment's artifact location is given the form from which azureml-mlflow makes calls to the room of
artifacts (`azureml/mlflow/_internal/utils.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import httpx
from fastapi import APIRouter, Request
from starlette.responses import Response
from tests.standins.azureml import limits
from tests.standins.azureml.refusals import Refused
from tests.standins.azureml.workspace import SCOPE_PATH, Workspace

API = "/api/2.0/mlflow/"
SERVED = {
    "GET": {
        "experiments/get",
        "experiments/get-by-name",
        "runs/get",
        "metrics/get-history",
        "registered-models/get",
        "registered-models/search",
        "model-versions/get",
        "model-versions/search",
        "model-versions/get-download-uri",
    },
    "POST": {
        "experiments/create",
        "experiments/search",
        "experiments/set-experiment-tag",
        "runs/create",
        "runs/update",
        "runs/search",
        "runs/delete",
        "runs/restore",
        "runs/log-metric",
        "runs/log-parameter",
        "runs/log-batch",
        "runs/set-tag",
        "runs/delete-tag",
        "registered-models/create",
        "registered-models/set-tag",
        "registered-models/get-latest-versions",
        "model-versions/create",
        "model-versions/set-tag",
    },
    "PATCH": {"registered-models/update", "model-versions/update"},
    "DELETE": {
        "registered-models/delete",
        "registered-models/delete-tag",
        "model-versions/delete",
        "model-versions/delete-tag",
    },
}
WRITES_TO_RUN_ONE = {"tags": "runs/set-tag", "metrics": "runs/log-metric", "params": "runs/log-parameter"}
"""The calls that write one of a kind to a run."""
WRITES_TO_RUN = {*WRITES_TO_RUN_ONE.values(), "runs/log-batch"}
ROOM = {"tags": limits.ENTRIES, "metrics": limits.METRIC_NAMES, "params": limits.PARAMETERS}
"""How many of a kind a run may have."""
TIMEOUT_S = 60.0
NAME_FILTER = re.compile(r"\s*name\s*(=|like|ilike)\s*'[^']*'\s*", re.IGNORECASE)
SEARCHES_OF_MODELS = ("registered-models/search", "model-versions/search")


def routes(workspace: Workspace, upstream: str) -> APIRouter:
    """The routes of MLflow.

    Args:
        workspace: The workspace.
        upstream: Base URL of an MLflow server that nobody else uses.
    """
    router = APIRouter(prefix=f"/mlflow/v2.0{SCOPE_PATH}")

    @router.api_route(f"{API}{{call:path}}", methods=["GET", "POST", "PATCH", "DELETE"])
    async def forward(call: str, request: Request) -> Response:
        if call not in SERVED[request.method]:
            return Response(status_code=404)
        require_search_by_name(call, request.query_params)
        body = await request.body()
        fields = json.loads(body) if body else {}
        require_fitting(call, fields)
        if call == "experiments/create":
            fields["artifact_location"] = artifact_location(workspace, fields["name"])
            body = json.dumps(fields).encode()
        # It speaks plain HTTP: to load the machine's certificates for each call would take most of its time.
        options: dict[str, Any] = {"timeout": TIMEOUT_S, "trust_env": False, "verify": False}
        async with httpx.AsyncClient(base_url=upstream, **options) as client:
            await require_room(client, call, fields)
            answer = await client.request(
                request.method,
                f"{API}{call}",
                params=request.query_params,
                content=body,
                headers={"Content-Type": "application/json"},
            )
        return Response(answer.content, answer.status_code, media_type="application/json")

    return router


def require_search_by_name(call: str, query: Mapping[str, str]) -> None:
    """Refuse to search models by anything else."""
    asked = query.get("filter") or query.get("filter_string")
    if call in SEARCHES_OF_MODELS and asked and NAME_FILTER.fullmatch(asked) is None:
        raise Refused(400, "INVALID_PARAMETER_VALUE", f"Models are searched by name only, not by {asked}.")


def require_fitting(call: str, fields: dict[str, Any]) -> None:
    """Refuse names and values that are too long for the service."""
    if call == "experiments/create":
        limits.require_name(limits.EXPERIMENT_NAME, "Experiment", fields["name"])
    if call == "registered-models/create":
        limits.require_name(limits.MODEL_NAME, "Model", fields["name"])
    if call.startswith("runs/"):
        require_fitting_points(fields.get("metrics", []))
        single = [fields] if call == "runs/set-tag" else []
        for tag in [*fields.get("tags", []), *single]:
            limits.require_length("A tag's name", tag["key"], limits.KEY_LENGTH)
            limits.require_length(f"The tag '{tag['key']}'", tag.get("value"), limits.VALUE_LENGTH)


def require_fitting_points(points: list[dict[str, Any]]) -> None:
    """Refuse metrics whose names are too long, or too many points at once."""
    if len(points) > limits.METRIC_ROWS_PER_BATCH:
        sentence = f"{len(points)} points are too many; {limits.METRIC_ROWS_PER_BATCH} are allowed."
        raise Refused(400, "BadArgument", sentence)
    for point in points:
        limits.require_length("A metric's name", point["key"], limits.METRIC_NAME_LENGTH)


async def require_room(client: httpx.AsyncClient, call: str, fields: dict[str, Any]) -> None:
    """Refuse what a run has no room for, beside what it has."""
    if call not in WRITES_TO_RUN:
        return
    found = (await client.get(f"{API}runs/get", params={"run_id": fields["run_id"]})).json()
    has = found.get("run", {}).get("data", {})
    for kind, most in ROOM.items():
        single = [fields] if call == WRITES_TO_RUN_ONE.get(kind) else []
        names = {each["key"] for each in [*has.get(kind, []), *fields.get(kind, []), *single]}
        if len(names) > most:
            sentence = (
                "A field of the entity is over the size limit."
                f" FieldName={kind}, Limit={most}, Size={len(names)}."
            )
            raise Refused(400, "ValidationError", sentence)


def artifact_location(workspace: Workspace, experiment: str) -> str:
    """Where the artifacts of an experiment's runs are, as azureml-mlflow reads it."""
    return f"{workspace.tracking_uri}/experiments/{experiment}/runs"
