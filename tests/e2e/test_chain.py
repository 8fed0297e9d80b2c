"""The whole chain through the real scheduler: what a partition leads to, where it can be found, and that it
is done once.
"""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Iterator
from typing import Any

import docker
import httpx
import pytest
from docker.models.containers import Container
from tests.e2e.conftest import EVER, Airflow, Ended

from edge_training.identity import container_name
from local_site import SiteInfo

DAG_ID, DEPLOYMENT = "train_flight_delay", "deploy_flight_delay"
PARTITION = "2013-02-01"
SITE_POOL = "edge_site"
READY_TRIES, READY_PAUSE_S = 120, 0.5
CHAIN = [
    "wait_for_partition",
    "snapshot_data",
    "stage_data",
    "validate_data",
    "train_model",
    "evaluate_champion",
    "evaluate_model",
    "export_model",
    "register_model",
    "build_image",
    "verify_image",
    "push_image",
]
LINEAGE = {
    "training_key",
    "data_digest",
    "partition",
    "window",
    "code_digest",
    "git_commit",
    "training_image",
    "contract_digest",
    "contract_result",
    "profile_digest",
    "drift",
    "params",
    "training_seconds",
    "peak_memory_bytes",
    "site",
    "site_hardware",
    "dag_id",
    "run_id",
    "metrics",
    "gates",
    "verdict",
    "champion_before",
    "image_digest",
    "image_tag",
    "state",
}
A_FLIGHT = {
    "dataframe_split": {
        "columns": ["carrier", "origin", "dest", "hour", "minute", "distance"],
        "data": [["UA", "EWR", "SFO", 17, 30, 2565]],
    }
}


@pytest.fixture(scope="module")
def trained(airflow: Airflow) -> Ended:
    """The backfilled partition."""
    return airflow.ended(DAG_ID, run_type="backfill", partition_key=PARTITION)


@pytest.fixture(scope="module")
def engine(site: SiteInfo) -> Iterator[docker.DockerClient]:
    """A plain Docker client on the site, logged in to the registry."""
    client = docker.DockerClient(base_url=f"unix://{site.docker_socket}")
    client.login(site.registry_user, site.registry_password, registry=site.registry)
    yield client
    client.close()


def versions(site: SiteInfo, name: str, training_key: str) -> list[dict[str, Any]]:
    """All versions of a model that carry this training key."""
    response = httpx.get(
        f"{site.mlflow_url}/api/2.0/mlflow/model-versions/search",
        params={"filter": f"name='{name}' and tags.`training_key`='{training_key}'"},
        trust_env=False,
    )
    response.raise_for_status()
    return list(response.json().get("model_versions", []))


def test_every_task_succeeds_in_the_order_of_the_pipeline(trained: Ended) -> None:
    assert trained.states == dict.fromkeys(CHAIN, "success")
    ends = [trained.tasks[task]["end_date"] for task in CHAIN]
    assert ends == sorted(ends)


def test_the_version_is_found_once_by_its_training_key_and_carries_its_lineage(
    trained: Ended, site: SiteInfo
) -> None:
    key = trained.handed_on("train_model")["training_key"]
    found = versions(site, "flight_delay", key)
    assert len(found) == 1
    tags = {tag["key"]: tag["value"] for tag in found[0]["tags"]}
    assert set(tags) >= LINEAGE
    assert all(tags[name] for name in LINEAGE)
    assert tags["data_digest"] == trained.handed_on("snapshot_data")["data_digest"]
    assert json.loads(tags["metrics"]) == trained.handed_on("evaluate_model")["metrics"]


def test_the_training_is_one_finished_run_with_its_curves_and_its_raw_log(
    trained: Ended, site: SiteInfo, engine: docker.DockerClient
) -> None:
    training = trained.handed_on("train_model")
    run = httpx.get(
        f"{site.mlflow_url}/api/2.0/mlflow/runs/get",
        params={"run_id": trained.handed_on("register_model")["registry_run_id"]},
        trust_env=False,
    ).json()["run"]
    tags = {tag["key"]: tag["value"] for tag in run["data"]["tags"]}
    ending = json.loads(read_file(engine.containers.get(training["job"]), "/edge/job/work/ending.json"))
    assert run["info"]["status"] == "FINISHED"
    assert {metric["key"] for metric in run["data"]["metrics"]} >= {"train_mae", "train_rmse"}
    assert tags["log_sha256/train.log"] == ending["log"]["sha256"]


def read_file(container: Container, path: str) -> bytes:
    """A file of a container."""
    stream, _ = container.get_archive(path)
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
        found = archive.extractfile(archive.getmembers()[0])
        assert found is not None
        return found.read()


def test_a_plain_client_pulls_the_image_by_its_digest_and_it_answers(
    trained: Ended, site: SiteInfo, engine: docker.DockerClient
) -> None:
    image = trained.handed_on("build_image")["image"]
    pulled = engine.images.pull(image)
    assert image in pulled.attrs["RepoDigests"]
    container = engine.containers.run(pulled.id, detach=True, ports={"8080/tcp": ("127.0.0.1", None)})
    try:
        answer = httpx.post(f"{address_when_ready(container)}/invocations", json=A_FLIGHT, trust_env=False)
        assert answer.status_code == httpx.codes.OK
        assert len(answer.json()["predictions"]) == 1
    finally:
        container.remove(force=True)


def address_when_ready(container: Container) -> str:
    """The published address of a serving container once it answers."""
    container.reload()
    address = f"http://127.0.0.1:{container.ports['8080/tcp'][0]['HostPort']}"
    for _ in range(READY_TRIES):
        try:
            if httpx.get(f"{address}/ping", trust_env=False).status_code == httpx.codes.OK:
                return address
        except httpx.TransportError:
            container.reload()
            assert container.status == "running", container.logs().decode()
        time.sleep(READY_PAUSE_S)
    raise AssertionError(f"the container does not answer: {container.logs().decode()}")


def test_the_deployment_serves_the_version_and_makes_it_the_champion(
    trained: Ended, airflow: Airflow, site: SiteInfo
) -> None:
    deployed = airflow.ended(DEPLOYMENT, partition_key=PARTITION)
    assert set(deployed.states.values()) == {"success"}
    service = httpx.post(
        f"http://127.0.0.1:{site.service_port}/invocations", json=A_FLIGHT, timeout=60, trust_env=False
    )
    assert service.status_code == httpx.codes.OK
    champion = httpx.get(
        f"{site.mlflow_url}/api/2.0/mlflow/registered-models/alias",
        params={"name": "flight_delay", "alias": "champion"},
        trust_env=False,
    ).json()["model_version"]
    assert champion["version"] == trained.handed_on("register_model")["model_version"]


def test_somebody_lets_a_version_serve_by_its_number(trained: Ended, airflow: Airflow) -> None:
    """It serves already, so this changes nothing but goes all the way."""
    airflow.ended(DEPLOYMENT, partition_key=PARTITION)
    version = trained.handed_on("register_model")["model_version"]
    run_id = airflow.api.trigger(DEPLOYMENT, None, {"version": version})
    again = airflow.ended(DEPLOYMENT, dag_run_id=run_id)
    assert set(again.states.values()) == {"success"}
    assert again.handed_on("roll_out")["changed"] is False


def test_a_deployment_started_without_a_version_changes_nothing_and_says_why(
    trained: Ended, airflow: Airflow
) -> None:
    run_id = airflow.api.trigger(DEPLOYMENT, None, {})
    refused = airflow.ended(DEPLOYMENT, dag_run_id=run_id)
    assert refused.states == {
        "decide_rollout": "failed",
        "roll_out": "upstream_failed",
        "promote_champion": "upstream_failed",
    }
    assert "start it with version=previous to put back" in refused.log("decide_rollout")


def test_a_partition_processed_again_trains_nothing_and_gives_the_same_image(
    trained: Ended, airflow: Airflow, site: SiteInfo, engine: docker.DockerClient
) -> None:
    training = trained.handed_on("train_model")
    before = engine.containers.get(container_name("train", training["training_key"])).attrs["State"]
    airflow.api.cancel_active_backfills(DAG_ID)
    since = airflow.api.backfill(DAG_ID, PARTITION, PARTITION, {"deploy": "never"})
    again = airflow.ended(DAG_ID, since, run_type="backfill", partition_key=PARTITION)
    assert again.states == dict.fromkeys(CHAIN, "success")
    assert "the champion, was trained on" in again.log("validate_data")
    assert engine.containers.get(container_name("train", training["training_key"])).attrs["State"] == before
    assert len(versions(site, "flight_delay", training["training_key"])) == 1
    for task, name in (
        ("build_image", "image"),
        ("register_model", "model_version"),
        ("train_model", "training_key"),
    ):
        assert again.handed_on(task)[name] == trained.handed_on(task)[name]


def test_a_model_made_by_copying_the_example_is_trained_by_the_schedule(
    airflow: Airflow, site: SiteInfo
) -> None:
    scheduled = airflow.ended("train_second_model", EVER, run_type="scheduled")
    assert scheduled.run["partition_key"] == "2013-02-05"
    assert scheduled.states == dict.fromkeys(CHAIN, "success")
    key = scheduled.handed_on("train_model")["training_key"]
    assert len(versions(site, "second_model", key)) == 1


def test_a_backfill_gives_way_to_the_schedule_in_the_sites_pool(trained: Ended, airflow: Airflow) -> None:
    """Its last task still waits for the first one of the night's run, as the scheduler itself has weighed."""
    scheduled = airflow.ended("train_second_model", EVER, run_type="scheduled")
    backfilled, nightly = (
        {name: task["priority_weight"] for name, task in run.tasks.items() if task["pool"] == SITE_POOL}
        for run in (trained, scheduled)
    )
    assert "train_model" in backfilled
    assert backfilled.keys() == nightly.keys()
    assert max(backfilled.values()) < min(nightly.values())
