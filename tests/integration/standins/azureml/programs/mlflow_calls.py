"""What the tests do with MLflow's client and azureml-mlflow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
from calling import main
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException


def client(uri: str) -> MlflowClient:
    """A client of the workspace; artifacts are fetched with the settings of the whole process."""
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def run(uri: str, experiment: str, folder: str, status: str, tags: dict[str, str]) -> dict[str, Any]:
    """A run with a metric, a parameter, tags and a folder of artifacts; gives what there is to know of it."""
    calls = client(uri)
    run_id = calls.create_run(calls.create_experiment(experiment), tags=tags).info.run_id
    calls.log_metric(run_id, "rmse", 2.0, step=1)
    calls.log_metric(run_id, "rmse", 1.5, step=2)
    calls.log_param(run_id, "depth", 3)
    calls.set_tag(run_id, "state", "logged")
    calls.log_artifacts(run_id, folder, "model")
    calls.set_terminated(run_id, status)
    known = calls.get_run(run_id)
    return {
        "run_id": run_id,
        "status": known.info.status,
        "metrics": [(point.step, point.value) for point in calls.get_metric_history(run_id, "rmse")],
        "params": known.data.params,
        "tags": known.data.tags,
        "artifacts": [each.path for each in calls.list_artifacts(run_id)],
    }


def runs_of(uri: str, experiment: str, wanted: str = "") -> list[Run]:
    """The runs of an experiment that a filter finds."""
    calls = client(uri)
    return list(calls.search_runs([calls.get_experiment_by_name(experiment).experiment_id], wanted))


def found_runs(uri: str, experiment: str, tag: str, value: str) -> list[str]:
    """Ids of an experiment's runs with this tag."""
    return [each.info.run_id for each in runs_of(uri, experiment, f"tags.{tag} = '{value}'")]


def download_of_run(uri: str, experiment: str, folder: str) -> None:
    """Bring the artifacts of an experiment's only run into a folder."""
    (only,) = runs_of(uri, experiment)
    download(uri, f"{only.info.artifact_uri}/model", folder)


def download(uri: str, artifact_uri: str, folder: str) -> None:
    """Bring artifacts into a folder."""
    client(uri)
    Path(folder).mkdir()
    mlflow.artifacts.download_artifacts(artifact_uri=artifact_uri, dst_path=folder)


def create_model(uri: str, name: str) -> None:
    """Make a registered model without versions."""
    client(uri).create_registered_model(name)


def create_version(uri: str, name: str, source: str, run_id: str | None = None, **tags: str) -> str:
    """Make a version of a model, then say that it is complete."""
    calls = client(uri)
    made = calls.create_model_version(name, source, run_id, tags=tags)
    calls.set_model_version_tag(name, made.version, "state", "registered")
    return str(made.version)


def create_version_of_run(uri: str, name: str, experiment: str, **tags: str) -> str:
    """Make a version of what an experiment's only run has left."""
    (only,) = runs_of(uri, experiment)
    return create_version(uri, name, f"{only.info.artifact_uri}/model", only.info.run_id, **tags)


def seen_versions(uri: str, name: str) -> list[dict[str, Any]]:
    """The versions of a model, the newest first."""
    found = client(uri).search_model_versions(f"name='{name}'")
    return [{"version": each.version, "run_id": each.run_id, "tags": each.tags} for each in found]


def refusals(uri: str, name: str, experiment: str) -> dict[str, str]:
    """What is said to calls that a workspace does not serve."""
    calls = client(uri)
    (only,) = runs_of(uri, experiment)
    attempts: dict[str, Callable[[], Any]] = {
        "alias": lambda: calls.set_registered_model_alias(name, "champion", "1"),
        "rename": lambda: calls.rename_registered_model(name, f"{name}-new"),
        "search by tag": lambda: calls.search_model_versions("tags.training_key = 'abc'"),
        "folder of a run": lambda: calls.list_artifacts(only.info.run_id, "model"),
    }
    return {attempt: said_to(call) for attempt, call in attempts.items()}


def fill(uri: str, experiment: str, kind: str, room: int) -> str:
    """What is said to one more tag, metric or parameter of a run than there is room for."""
    calls = client(uri)
    run_id = calls.create_run(calls.create_experiment(experiment)).info.run_id
    make = {"tags": RunTag, "params": Param, "metrics": lambda name, value: Metric(name, float(value), 0, 0)}
    names = [make[kind](f"{kind}-{number}", "1") for number in range(room + 1)]
    for start in range(0, room, 100):
        calls.log_batch(run_id, **{kind: names[start : min(start + 100, room)]})
    return said_to(lambda: calls.log_batch(run_id, **{kind: names[room:]}))


def said_to(call: Callable[[], Any]) -> str:
    """What is said to a call that is refused."""
    try:
        return f"not refused: {call()}"
    except MlflowException as error:
        return str(error)


main(
    run,
    found_runs,
    download_of_run,
    download,
    create_model,
    create_version,
    create_version_of_run,
    seen_versions,
    refusals,
    fill,
)
