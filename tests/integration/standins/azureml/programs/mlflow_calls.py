"""What the tests do with MLflow's client and azureml-mlflow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
from calling import main
from mlflow import MlflowClient


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
    return seen_run(uri, run_id)


def seen_run(uri: str, run_id: str) -> dict[str, Any]:
    """What there is to know of a run."""
    calls = client(uri)
    known = calls.get_run(run_id)
    return {
        "run_id": run_id,
        "status": known.info.status,
        "metrics": [(point.step, point.value) for point in calls.get_metric_history(run_id, "rmse")],
        "params": known.data.params,
        "tags": known.data.tags,
        "artifacts": [each.path for each in calls.list_artifacts(run_id)],
        "artifact_uri": known.info.artifact_uri,
    }


def found_runs(uri: str, experiment: str, tag: str, value: str) -> list[str]:
    """Ids of an experiment's runs with this tag."""
    calls = client(uri)
    known = calls.get_experiment_by_name(experiment)
    return [each.info.run_id for each in calls.search_runs([known.experiment_id], f"tags.{tag} = '{value}'")]


def download(uri: str, artifact_uri: str, folder: str) -> str:
    """Bring artifacts into a folder."""
    client(uri)
    Path(folder).mkdir()
    return str(mlflow.artifacts.download_artifacts(artifact_uri=artifact_uri, dst_path=folder))


def create_model(uri: str, name: str) -> None:
    """Make a registered model without versions."""
    client(uri).create_registered_model(name)


def create_version(uri: str, name: str, source: str, run_id: str | None, tags: dict[str, str]) -> str:
    """Make a version of a model, then say that it is complete."""
    calls = client(uri)
    made = calls.create_model_version(name, source, run_id, tags=tags)
    calls.set_model_version_tag(name, made.version, "state", "registered")
    return str(made.version)


def seen_versions(uri: str, name: str) -> list[dict[str, Any]]:
    """The versions of a model, the newest first."""
    found = client(uri).search_model_versions(f"name='{name}'")
    return [{"version": each.version, "run_id": each.run_id, "tags": each.tags} for each in found]


def search_versions(uri: str, wanted: str) -> list[str]:
    """The versions that a filter finds."""
    return [each.version for each in client(uri).search_model_versions(wanted)]


def set_alias(uri: str, name: str, version: str) -> None:
    """Give a version an alias."""
    client(uri).set_registered_model_alias(name, "champion", version)


def list_folder(uri: str, run_id: str, folder: str) -> list[str]:
    """List a folder of a run's artifacts."""
    return [each.path for each in client(uri).list_artifacts(run_id, folder)]


main(
    run,
    seen_run,
    found_runs,
    download,
    create_model,
    create_version,
    seen_versions,
    search_versions,
    set_alias,
    list_folder,
)
