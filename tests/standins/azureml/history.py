"""The room of run history: experiments and their runs, with tags, properties, a target, and a state moved by
events.

Sources: `azureml/_restclient/operations/experiment_operations.py`, `run_operations.py` and
`events_operations.py`, the shapes of `azureml/_restclient/models` (`ExperimentDto`, `CreateRunDto`,
`RunDto`, `RunDetailsDto`), the names of events in `azureml/_restclient/contracts/events.py`, and the
filters that `azureml/_restclient/_odata/runs.py` writes.
"""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from tests.standins.azureml import limits
from tests.standins.azureml.filters import matches
from tests.standins.azureml.moments import now
from tests.standins.azureml.persistence import Documents
from tests.standins.azureml.refusals import Refused
from tests.standins.azureml.workspace import SCOPE_PATH

EXPERIMENT = "experiment"
RUN = "run"
PAGE = 100
EVENT = "Microsoft.MachineLearning.Run."
STATES = {
    "Queued": "Queued",
    "Start": "Running",
    "CancelRequested": "CancelRequested",
    "Completed": "Completed",
    "Failed": "Failed",
    "Canceled": "Canceled",
}
TERMINAL = ("Completed", "Failed", "Canceled")
WITHOUT_STATE = ("Heartbeat", "QueueingInfo", "Warning", "Error")


def routes(documents: Documents) -> APIRouter:
    """The routes of experiments and runs."""
    router = APIRouter(prefix=f"/history/v1.0{SCOPE_PATH}")
    add_experiments(router, documents)
    add_looking_at_runs(router, documents)
    add_finding_runs(router, documents)
    add_changing_runs(router, documents)
    return router


def add_experiments(router: APIRouter, documents: Documents) -> None:
    """The routes of experiments."""

    @router.post("/experiments/{experiment}")
    def create(experiment: str) -> dict[str, Any]:
        limits.require_name(limits.EXPERIMENT_NAME, "Experiment", experiment)
        with documents.transaction():
            if documents.get(EXPERIMENT, experiment) is not None:
                raise Refused(409, "ResourceConflict", f"Experiment '{experiment}' exists already.")
            made = {"experimentId": str(uuid.uuid4()), "name": experiment, "createdUtc": now(), "tags": {}}
            return documents.put(EXPERIMENT, experiment, made)

    @router.get("/experiments/{experiment}")
    @router.get("/experimentids/{experiment}")
    def get(experiment: str) -> dict[str, Any]:
        return found_experiment(documents, experiment)

    @router.patch("/experimentids/{experiment}")
    def patch(experiment: str, payload: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        if set(payload) - {"tags"}:
            raise Refused(400, "BadArgument", "Only the tags of an experiment can be changed here.")
        with documents.transaction():
            known = found_experiment(documents, experiment)
            tags = known["tags"] | payload["tags"]
            limits.require_entries("tags", tags)
            return documents.put(EXPERIMENT, known["name"], known | {"tags": tags})


def add_looking_at_runs(router: APIRouter, documents: Documents) -> None:
    """The routes of one run as it is."""

    @router.get("/experiments/{experiment}/runs/{run}")
    @router.get("/experimentids/{experiment}/runs/{run}")
    def get(experiment: str, run: str) -> dict[str, Any]:
        return found_run(documents, run, found_experiment(documents, experiment))

    @router.get("/runs/{run}")
    def get_of_workspace(run: str) -> dict[str, Any]:
        return found_run(documents, run)

    @router.get("/experiments/{experiment}/runs/{run}/details")
    def details(experiment: str, run: str) -> dict[str, Any]:
        return get(experiment, run) | {"logFiles": {}, "runDefinition": None}


def add_finding_runs(router: APIRouter, documents: Documents) -> None:
    """The routes of several runs, the newest first."""

    @router.post("/experiments/{experiment}/runs:query")
    def query(experiment: str, asked: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        experiment_id = found_experiment(documents, experiment)["experimentId"]
        return page([run for run in documents.all(RUN) if run["experimentId"] == experiment_id], asked)

    @router.get("/computes/{compute}/runs")
    def of_compute(
        compute: str,
        wanted: Annotated[str | None, Query(alias="$filter")] = None,
        token: Annotated[str, Query(alias="$continuationToken")] = "0",
        top: Annotated[int, Query(alias="$top")] = PAGE,
    ) -> dict[str, Any]:
        asked = {"filter": wanted, "continuationToken": token, "top": top}
        return page([run for run in documents.all(RUN) if run["target"] == compute], asked)


def add_changing_runs(router: APIRouter, documents: Documents) -> None:
    """The routes that make a run and change it."""

    @router.patch("/experiments/{experiment}/runs/{run}")
    @router.patch("/experimentids/{experiment}/runs/{run}")
    def patch(experiment: str, run: str, payload: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        known = found_experiment(documents, experiment)
        with documents.transaction():
            if documents.get(RUN, run) is None:
                documents.put(RUN, run, started(documents, known, run))
            return documents.put(RUN, run, changed(found_run(documents, run, known), payload))

    @router.delete("/experiments/{experiment}/runs/{run}/tags")
    def delete_tags(experiment: str, run: str, tags: Annotated[list[str], Body()]) -> dict[str, Any]:
        known = found_experiment(documents, experiment)
        with documents.transaction():
            kept = found_run(documents, run, known)
            left = {key: value for key, value in kept["tags"].items() if key not in tags}
            return documents.put(RUN, run, kept | {"tags": left})

    @router.post("/experiments/{experiment}/runs/{run}/events")
    def post_event(experiment: str, run: str, event: Annotated[dict[str, Any], Body()]) -> None:
        known = found_experiment(documents, experiment)
        with documents.transaction():
            documents.put(RUN, run, moved(found_run(documents, run, known), event))


def page(runs: list[dict[str, Any]], asked: dict[str, Any]) -> dict[str, Any]:
    """The runs that a filter asks for, from a continuation token on."""
    newest_first = sorted(runs, key=lambda run: -run["runNumber"])
    wanted = [run for run in newest_first if matches(asked.get("filter"), run)]
    start, size = int(asked.get("continuationToken") or 0), min(asked.get("top") or PAGE, PAGE)
    token = str(start + size) if start + size < len(wanted) else None
    return {"value": wanted[start : start + size], "continuationToken": token}


def found_experiment(documents: Documents, name_or_id: str) -> dict[str, Any]:
    """An experiment by its name or its id; clients use either."""
    named = documents.get(EXPERIMENT, name_or_id)
    of_id = (each for each in documents.all(EXPERIMENT) if each["experimentId"] == name_or_id)
    experiment = named or next(of_id, None)
    if experiment is None:
        raise Refused(404, "NotFoundError", f"Experiment '{name_or_id}' was not found.")
    return experiment


def found_run(documents: Documents, run: str, experiment: dict[str, Any] | None = None) -> dict[str, Any]:
    """A run by its id, which no other run of the workspace has; one of this experiment, if it is given."""
    kept = documents.get(RUN, run)
    if kept is None or (experiment and kept["experimentId"] != experiment["experimentId"]):
        raise Refused(404, "NotFoundError", f"Run '{run}' was not found.")
    return kept


def started(documents: Documents, experiment: dict[str, Any], run: str) -> dict[str, Any]:
    """A run as it comes into being."""
    limits.require_name(limits.RUN_ID, "Run", run)
    return {
        "runId": run,
        "runNumber": documents.next_number(f"runs of {experiment['experimentId']}"),
        "experimentId": experiment["experimentId"],
        "rootRunId": run,
        "dataContainerId": f"dcid.{run}",
        "createdUtc": now(),
        "status": "NotStarted",
        "target": None,
        "tags": {},
        "properties": {},
    }


def changed(before: dict[str, Any], payload: dict[str, Any]) -> dict[str, Any]:
    """A run after a change: tags and properties are added to those that it has."""
    given = {key: value for key, value in payload.items() if value is not None and key != "runId"}
    tags = before["tags"] | given.pop("tags", {})
    added = given.pop("properties", {})
    limits.require_unchanged(before["properties"], added)
    limits.require_entries("tags", tags)
    limits.require_entries("properties", before["properties"] | added)
    limits.require_length("The description", given.get("description"), limits.DESCRIPTION_LENGTH)
    limits.require_length("The display name", given.get("displayName"), limits.DISPLAY_NAME_LENGTH)
    return before | given | {"tags": tags, "properties": before["properties"] | added}


def moved(run: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
    """A run after an event."""
    name = str(event.get("name", "")).removeprefix(EVENT)
    data = event.get("data") or {}
    if name not in STATES and name not in WITHOUT_STATE:
        raise Refused(400, "BadArgument", f"There is no event '{event.get('name')}'.")
    if name == "Error":
        error = data.get("ErrorResponse") or {}
        message = (error.get("error") or {}).get("message")
        limits.require_length("The error's message", message, limits.ERROR_LENGTH)
        return run | {"error": error}
    if name not in STATES:
        return run
    times = {"startTimeUtc": data.get("StartTime") or now()} if name == "Start" else {}
    if name in TERMINAL:
        times = {"endTimeUtc": data.get("EndTime") or now()}
    return run | {"status": STATES[name]} | times
