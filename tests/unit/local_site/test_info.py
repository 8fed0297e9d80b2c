"""What a site says of itself, and what Airflow is told about it."""

from __future__ import annotations

import json
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from local_site.__main__ import show_status
from local_site.connections import connections, variables, write_connections, write_variables
from local_site.errors import SiteNotUp
from local_site.info import SiteInfo, describe, save
from local_site.layout import Layout
from local_site.processes import ProcessSpec, Supervisor
from local_site.settings import Settings


@pytest.fixture
def info(tmp_path) -> SiteInfo:
    key_file, ca_file = tmp_path / "client_key", tmp_path / "ca.pem"
    key_file.write_text("PRIVATE KEY")
    ca_file.write_text("CERTIFICATE")
    return SiteInfo(
        ssh_host="127.0.0.1",
        ssh_port=2222,
        ssh_user="edge",
        ssh_private_key_file=key_file,
        ssh_host_key="ssh-ed25519 AAAA",
        docker_socket="/run/docker.sock",
        blob_endpoint="https://account.blob.region.test:8443",
        blob_host_endpoint="https://127.0.0.1:8443/account",
        blob_account="account",
        blob_key="blob-key",
        blob_container="data",
        blob_api_version="2019-02-02",
        blob_forward_address="10.228.0.1",
        ca_file=ca_file,
        registry="127.0.0.1:5000",
        registry_user="edge",
        registry_password="registry-password",
        mlflow_url="http://127.0.0.1:5001",
        training_image="127.0.0.1:5000/edge/training@sha256:1",
        serving_image="127.0.0.1:5000/edge/serving@sha256:2",
        airflow_url="http://127.0.0.1:8080",
        airflow_user="admin",
        airflow_password="airflow-password",
        service_port=9000,
    )


def test_a_site_is_described_as_it_was_saved(tmp_path, info):
    save(tmp_path / "site.json", info)
    assert describe(tmp_path) == info


def test_a_site_that_never_started_names_the_command_that_starts_it(tmp_path):
    with pytest.raises(SiteNotUp, match="make site"):
        describe(tmp_path)


def test_a_site_that_is_down_is_said_to_be_down_and_has_no_addresses(tmp_path, info, capsys):
    save(tmp_path / "site.json", info)
    settings = replace(Settings.from_environment({}), state_dir=tmp_path)
    supervisor = Supervisor(Layout(tmp_path, tmp_path / "cache"))
    supervisor.ensure(ProcessSpec("part", [sys.executable, "-c", "input()"], lambda: True))
    supervisor.running("part").wait(10)
    show_status(settings)
    said = capsys.readouterr().out
    assert "part                     has ended" in said
    assert "is down" in said
    assert "make site" in said
    assert info.mlflow_url not in said


def test_passwords_do_not_show_when_printed(info):
    assert not any(secret in repr(info) for secret in ("blob-key", "registry-password", "airflow-password"))


def test_files_with_secrets_are_private(tmp_path, info):
    save(tmp_path / "site.json", info)
    write_connections(tmp_path / "airflow", info)
    write_variables(tmp_path / "airflow", info)
    files: list[Path] = [tmp_path / "site.json", *(tmp_path / "airflow").iterdir()]
    assert len(files) == 3
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)


def test_the_vms_connection_pins_the_host_key(info):
    vm = connections(info)["edge_site_vm"]
    assert json.loads(vm["extra"]) == {
        "private_key": "PRIVATE KEY",
        "host_key": "ssh-ed25519 AAAA",
        "docker_socket": "/run/docker.sock",
    }


def test_the_blob_connection_pins_authority_and_version(info):
    extra = json.loads(connections(info)["edge_site_blob"]["extra"])
    assert extra["ca_pem"] == "CERTIFICATE"
    assert extra["api_version"] == "2019-02-02"


def test_images_are_known_by_digest(info, tmp_path):
    told = variables(info, tmp_path)
    assert told["edge_training_image"] == info.training_image
    assert told["edge_serving_image"] == info.serving_image


def test_airflow_is_told_of_a_workspace_where_that_is_the_model_registry(info):
    known = {"kind": "azureml", "client_id": "principal", "client_secret": "hunter2", "workspace": "edge"}

    found = connections(replace(info, azureml=known))["edge_mlflow"]

    assert (found["conn_type"], found["login"], found["password"]) == ("http", "principal", "hunter2")
    assert json.loads(found["extra"]) == {"kind": "azureml", "workspace": "edge"}
    assert connections(info)["edge_mlflow"] == {"conn_type": "http", "host": info.mlflow_url}
