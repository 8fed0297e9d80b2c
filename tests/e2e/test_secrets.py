"""After everything has run, no secret stands where people and programs look."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import docker
import psutil
import pytest
from tests.e2e.conftest import EVER, Airflow

from local_site import SiteInfo
from local_site.settings import Settings

FINISHED = [
    ("train_flight_delay", "2013-02-01"),
    ("train_second_model", "2013-02-05"),
    ("train_failing_model", "2013-02-02"),
    ("train_strict_model", "2013-02-02"),
]


@pytest.fixture(scope="module")
def secrets(site: SiteInfo, airflow: Airflow) -> dict[str, str]:
    """What must not be found, once all runs have ended."""
    for dag_id, partition in FINISHED:
        airflow.ended(dag_id, EVER, partition_key=partition)
    key_lines = site.ssh_private_key_file.read_text().splitlines()
    return {
        "storage key": site.blob_key,
        "shared access signature": "sig=",
        "registry password": site.registry_password,
        "Airflow password": site.airflow_password,
        "SSH private key": key_lines[2],
    }


def found(secrets: dict[str, str], text: str) -> list[str]:
    """Names of the secrets that stand in a text."""
    return [name for name, secret in secrets.items() if secret in text]


def container_documents(site: SiteInfo) -> Iterator[str]:
    """What Docker says of every container and image, and everything the containers wrote."""
    client = docker.DockerClient(base_url=f"unix://{site.docker_socket}")
    for container in client.containers.list(all=True):
        yield json.dumps(container.attrs)
        yield container.logs().decode(errors="replace")
    for image in client.images.list():
        yield json.dumps(image.attrs) + json.dumps(image.history())
    client.close()


def test_docker_shows_no_secret(secrets: dict[str, str], site: SiteInfo) -> None:
    documents = list(container_documents(site))
    assert any("edge-train-" in document for document in documents)
    assert [found(secrets, document) for document in documents if found(secrets, document)] == []


def test_task_logs_hold_no_secret(secrets: dict[str, str], site_settings: Settings) -> None:
    logs = [path for path in (site_settings.state_dir / "airflow" / "logs").rglob("*.log") if path.is_file()]
    assert any("task_id=train_model" in str(path) for path in logs)
    assert {
        str(path): names for path in logs if (names := found(secrets, path.read_text(errors="replace")))
    } == {}


def test_xcom_holds_no_secret(secrets: dict[str, str], airflow: Airflow) -> None:
    for dag_id, partition in FINISHED:
        run = airflow.ended(dag_id, EVER, partition_key=partition)
        done = [task for task, state in run.states.items() if state == "success"]
        assert done
        assert found(secrets, json.dumps([run.handed_on(task) for task in done])) == []


def test_no_command_line_holds_a_secret(secrets: dict[str, str]) -> None:
    lines = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    assert any("airflow" in line for line in lines)
    assert [line for line in lines if found(secrets, line)] == []


def test_secret_files_are_readable_by_their_owner_only(
    secrets: dict[str, str], site_settings: Settings
) -> None:
    holders = [
        path
        for path in plain_files(site_settings.state_dir)
        if found(secrets_without_marker(secrets), path.read_text(errors="replace"))
    ]
    assert holders
    assert [str(path) for path in holders if path.stat().st_mode & 0o077] == []


def secrets_without_marker(secrets: dict[str, str]) -> dict[str, str]:
    """Real values only: `sig=` alone is no secret in a file of ours."""
    return {name: value for name, value in secrets.items() if name != "shared access signature"}


def plain_files(state_dir: Path) -> Iterator[Path]:
    """The site's small files outside the servers' own data."""
    for name in ("airflow", "secrets", "ssh", "registry", "processes", "logs"):
        for path in (state_dir / name).rglob("*"):
            if path.is_file() and path.stat().st_size < 2**20:
                yield path
    yield state_dir / "site.json"
