"""What the demo has to show: `build/demo.json`, and the same as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from local_site import azureml_workspace
from local_site.airflow_api import AirflowApi
from local_site.files import write_json
from local_site.health import LOOPBACK
from local_site.info import SiteInfo

SHORT_DIGEST = 8
RUN_ID = 10
CALL_LIMIT_S = 30.0
REPORT_LINK = "Validation report"
LEFT = ("partition", "data", "image")


def collect(
    api: AirflowApi,
    info: SiteInfo,
    dag_id: str,
    runs: Sequence[Mapping[str, Any]],
    prediction: Mapping[str, Any],
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """Read from Airflow and the model registry what the runs have left."""
    rows = [partition(api, dag_id, run) for run in runs]
    versions = registered(info, [row["model_name"] for row in rows])
    tags = {version["version"]: version["tags"] for version in versions}
    return {
        "partitions": [{**row, "tags": tags[row["model_version"]]} for row in rows],
        "versions": versions,
        "prediction": dict(prediction),
        "endpoints": {
            "airflow": info.airflow_url,
            "model_registry": info.azureml["proxy"] if info.azureml else info.mlflow_url,
            "registry": f"https://{info.registry}",
            "blob": info.blob_host_endpoint,
            "service": f"http://{LOOPBACK}:{info.service_port}",
        },
        "seconds": dict(seconds),
    }


def partition(api: AirflowApi, dag_id: str, run: Mapping[str, Any]) -> dict[str, Any]:
    """One partition's row."""
    run_id = str(run["dag_run_id"])
    snapshot, validation, registration, image = (
        api.handed_on(dag_id, run_id, task)
        for task in ("snapshot_data", "validate_data", "register_model", "build_image")
    )
    evaluation = api.handed_on(dag_id, run_id, "evaluate_model")
    return {
        "partition": run["partition_key"],
        "rows": validation["rows"],
        "data_digest": snapshot["data_digest"],
        "training_key": registration["training_key"],
        "model_name": registration["model_name"],
        "model_version": registration["model_version"],
        "metrics": evaluation["metrics"],
        "data_report": api.links(dag_id, run_id, "validate_data")[REPORT_LINK],
        "image": image["image"],
        "stage_seconds": {task["task_id"]: seconds_of(task) for task in api.tasks(dag_id, run_id)},
    }


def runs_page(report_url: str) -> str:
    """The page of an experiment's runs, from the address of something in one of them; MLflow's own start page
    shows none.
    """
    before, runs, _ = report_url.partition("/runs/")
    return f"{before}{runs.rstrip('/')}"


def registered(info: SiteInfo, names: Sequence[str]) -> list[dict[str, Any]]:
    """All versions of some models, as its own client sees them for a workspace, and its API for MLflow."""
    distinct = sorted(set(names))
    if info.azureml is not None and info.azureml["kind"] == azureml_workspace.CORE_KIND:
        return azureml_workspace.versions(info.azureml, distinct)
    return [version for name in distinct for version in mlflow_versions(info.mlflow_url, name)]


def mlflow_versions(url: str, name: str) -> list[dict[str, Any]]:
    """All versions of a model on an MLflow server."""
    response = httpx.get(
        f"{url}/api/2.0/mlflow/model-versions/search",
        params={"filter": f"name='{name}'"},
        timeout=CALL_LIMIT_S,
        trust_env=False,
    )
    response.raise_for_status()
    return [
        {
            "name": name,
            "version": version["version"],
            "run_id": version["run_id"],
            "tags": {tag["key"]: tag["value"] for tag in version.get("tags", ())},
        }
        for version in response.json().get("model_versions", ())
    ]


def seconds_of(task: Mapping[str, Any]) -> float:
    """How long a task took, deferral included."""
    if not task["start_date"] or not task["end_date"]:
        return 0.0
    took = datetime.fromisoformat(task["end_date"]) - datetime.fromisoformat(task["start_date"])
    return round(took.total_seconds(), 2)


def write(path: Path, report: Mapping[str, Any]) -> None:
    """Write the report for machines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, dict(report))


def show(console: Console, report: Mapping[str, Any], info: SiteInfo) -> None:
    """Show the report to people."""
    console.print(results(report["partitions"]))
    console.print(stages(report["partitions"]))
    prediction = report["prediction"]
    flight = prediction["flight"]
    console.print(
        f"\nThe deployed model expects a {flight['carrier']} flight from {flight['origin']} to "
        f"{flight['dest']} at "
        f"{flight['hour']}:{flight['minute']:02d} to arrive {prediction['arrival_delay_minutes']:+.1f} "
        "minutes late.\n"
    )
    console.print(f"Airflow    {info.airflow_url}")
    console.print(f"           user {info.airflow_user}, password {info.airflow_password}")
    show_registry(console, report, info)
    console.print(f"Service    {report['endpoints']['service']}")
    console.print(f"Registry   https://{info.registry}   user {info.registry_user}")
    console.print(f"Blobs      {info.blob_host_endpoint}")
    console.print(f"\n{report['seconds']['total']:.0f} s in all. Everything runs on; `make down` stops it.")


def show_registry(console: Console, report: Mapping[str, Any], info: SiteInfo) -> None:
    """Where the models are, and their versions where no page shows them."""
    if info.azureml is not None:
        console.print(f"Workspace  {info.azureml['workspace']}, a stand-in behind {info.azureml['proxy']}")
        if info.azureml["kind"] == azureml_workspace.CORE_KIND:
            console.print(workspace_versions(report["versions"]))
        else:
            console.print(f"           with an MLflow of its own, {info.mlflow_url}")
        return
    newest = report["partitions"][-1]
    console.print(f"MLflow     {runs_page(newest['data_report'])}", soft_wrap=True)
    console.print(f"           validation report of {newest['partition']}, the check of its data:")
    console.print(f"           {newest['data_report']}", soft_wrap=True)


def workspace_versions(versions: Sequence[Mapping[str, Any]]) -> Table:
    """What azureml-core lists of one model."""
    title = f"\n{versions[0]['name']}, as azureml-core sees it"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for heading in ("version", "state", "partition", "framework", "trained on", "run"):
        table.add_column(heading, no_wrap=True)
    for version in versions:
        tags = version["tags"]
        table.add_row(
            version["version"],
            tags.get("state", ""),
            tags.get("partition", ""),
            version["framework"] or "",
            version["compute_target"] or "",
            version["run_id"][:RUN_ID],
        )
    return table


def results(partitions: Sequence[Mapping[str, Any]]) -> Table:
    """What each partition led to; the errors are minutes, beside those of the best constant guess."""
    table = Table(title="\nFrom partition to image", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("partition", "rows", "data", "version", "MAE", "constant's", "image"):
        table.add_column(heading, no_wrap=True, justify="left" if heading in LEFT else "right")
    for row in partitions:
        digest = row["image"].rpartition(":")[2]
        table.add_row(
            row["partition"],
            f"{row['rows']:,}",
            row["data_digest"][:SHORT_DIGEST],
            row["model_version"],
            f"{row['metrics']['mae']:.2f}",
            f"{row['metrics']['baseline_mae']:.2f}",
            digest[:SHORT_DIGEST],
        )
    return table


def stages(partitions: Sequence[Mapping[str, Any]]) -> Table:
    """Seconds per stage."""
    table = Table(title="\nSeconds per stage", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("stage", no_wrap=True)
    for row in partitions:
        table.add_column(row["partition"], justify="right")
    for stage in partitions[0]["stage_seconds"]:
        table.add_row(stage, *(f"{row['stage_seconds'][stage]:.1f}" for row in partitions))
    return table
