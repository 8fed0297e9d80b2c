"""Every part of the running site does its work, keeps its secrets, and listens where it should."""

from __future__ import annotations

import json
import ssl
import stat
from pathlib import Path

import docker
import httpx
import pytest

from local_site.base_image import ensure_base_image
from local_site.docker_engine import Engine
from local_site.errors import BuildFailed
from local_site.site import Site, layout_of

ANY_ADDRESS = {"0.0.0.0", "::"}


def get(url: str, site, login=None) -> httpx.Response:
    context = ssl.create_default_context(cafile=str(site.ca_file))
    return httpx.get(url, verify=context, auth=login, trust_env=False)


@pytest.fixture
def engine(site):
    client = docker.DockerClient(base_url=f"unix://{site.docker_socket}")
    yield client
    client.close()


def test_the_registry_refuses_the_anonymous(site):
    assert get(f"https://{site.registry}/v2/", site).status_code == 401


def test_the_registry_refuses_a_wrong_password(site):
    login = (site.registry_user, "wrong")
    assert get(f"https://{site.registry}/v2/", site, login).status_code == 401


def test_the_registry_knows_its_user(site):
    login = (site.registry_user, site.registry_password)
    assert get(f"https://{site.registry}/v2/", site, login).status_code == 200


def test_only_the_sites_authority_vouches_for_its_servers(site):
    with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
        httpx.get(f"https://{site.registry}/v2/", trust_env=False)


def test_the_blob_store_refuses_the_anonymous(site):
    answer = get(f"{site.blob_host_endpoint}/{site.blob_container}?restype=container&comp=list", site)
    assert answer.status_code in {403, 404}


def test_the_model_registry_answers_over_its_api(site):
    url = f"{site.mlflow_url}/api/2.0/mlflow/registered-models/search?max_results=1"
    assert httpx.get(url, trust_env=False).status_code == 200


def test_everything_listens_on_loopback_and_the_gate_on_the_bridge_too(site, listening):
    found = listening()
    assert not ANY_ADDRESS & found.keys()
    assert found.keys() - {"::1"} == {"127.0.0.1", site.blob_forward_address}


def test_no_secret_is_on_a_command_line(site, supervisor, command_lines):
    credentials = json.loads(supervisor.layout.credentials_file.read_text())
    lines = command_lines()
    assert lines
    assert not any(secret in line for secret in credentials.values() for line in lines)


def test_only_their_owner_reads_the_sites_secrets(site, site_settings):
    layout = layout_of(site_settings)
    assert stat.S_IMODE(layout.state_dir.stat().st_mode) == 0o700
    files: list[Path] = [
        layout.site_file,
        layout.credentials_file,
        layout.server_key_file,
        site.ssh_private_key_file,
    ]
    files += layout.airflow_dir.glob("*.json")
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)


def test_every_part_runs_as_a_process_of_its_own(site, site_settings, pids):
    engine = {"containerd", "dockerd"} if site_settings.docker == "own" else set()
    assert {"azurite", "gate", "mlflow", "registry", "sshd"} | engine <= pids().keys()


def test_a_base_image_that_cannot_be_pulled_names_its_setting(site, tmp_path):
    engine = Engine(Path(site.docker_socket), site.blob_forward_address)
    files = (tmp_path / "cache", tmp_path / "choice.json", tmp_path / "log")
    with pytest.raises(BuildFailed, match="EDGE_BASE_IMAGE"):
        ensure_base_image(engine, f"{site.registry}/nobody/knows:this", *files)


def test_an_existing_image_is_taken_as_base(site, tmp_path):
    engine = Engine(Path(site.docker_socket), site.blob_forward_address)
    files = (tmp_path / "cache", tmp_path / "choice.json", tmp_path / "log")
    base = ensure_base_image(engine, site.serving_image, *files)
    assert base.reference == site.serving_image
    assert ensure_base_image(engine, site.serving_image, *files) == base


def test_a_second_start_reuses_what_runs(site, site_settings, pids):
    before = pids()
    again = Site(site_settings).up()
    assert pids() == before
    assert again == site


def test_a_part_that_died_is_started_again_and_the_others_stay(site, site_settings, supervisor, pids):
    before = pids()
    victim = supervisor.running("registry")
    victim.kill()
    victim.wait(10)
    Site(site_settings).up()
    after = pids()
    assert after.pop("registry") != before.pop("registry")
    assert after == before


@pytest.mark.parametrize("runtime", ["training_image", "serving_image"])
def test_a_runtime_image_runs_as_a_numeric_user_and_says_what_it_is(site, engine, runtime):
    config = engine.images.get(getattr(site, runtime)).attrs["Config"]
    assert config["User"] == "65532:65532"
    assert config["WorkingDir"] == "/edge"
    assert config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"


@pytest.mark.parametrize("runtime", ["training_image", "serving_image"])
def test_a_runtime_image_holds_no_secret(site, engine, supervisor, runtime):
    image = engine.images.get(getattr(site, runtime))
    shown = json.dumps([image.attrs, image.history()])
    credentials = json.loads(supervisor.layout.credentials_file.read_text())
    assert not any(secret in shown for secret in credentials.values())


def test_the_training_runtime_stands_on_the_serving_runtime(site, engine):
    serving, training = (engine.images.get(name) for name in (site.serving_image, site.training_image))
    layers = serving.attrs["RootFS"]["Layers"]
    assert training.attrs["RootFS"]["Layers"][: len(layers)] == layers


def test_a_job_finds_its_libraries_compiled_and_its_directories_its_own(site, engine):
    program = (
        "import os, pathlib, polars, mlflow.sklearn, open_data_contract_standard, skops.io\n"
        "assert pathlib.Path(mlflow.__cached__).exists()\n"
        "assert os.access('/edge/job', os.W_OK) and os.getuid() == 65532\n"
        "print('ready')"
    )
    output = engine.containers.run(
        site.training_image,
        ["python3", "-c", program],
        remove=True,
        network_mode="none",
        tmpfs={"/tmp": ""},
        cap_drop=["ALL"],
    )
    assert output.strip().endswith(b"ready")
