"""A connection to a workspace, from the hook to the real azureml-core: what it says is what happens."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from tests.keys import new_key
from tests.standins.azureml.bridging import options
from tests.standins.azureml.interpreter import azureml_python
from tests.standins.azureml.reading import SeenWorkspace
from tests.standins.azureml.server import AzureMl, running_azureml

from edge_airflow import compute_target
from edge_airflow.hooks.registries import ModelRegistryHook
from edge_runner.frames import Point
from edge_training.errors import ModelRegistryRefused

NAME, KEY = "flights", "5" * 64
FIRST = Point(1, "mae", 9.0, 1_700_000_000_001)
FOREVER_S = 3600.0


@pytest.fixture(scope="module")
def standin(tmp_path_factory) -> Iterator[AzureMl]:
    with running_azureml(tmp_path_factory.mktemp("azureml")) as standin:
        yield standin


@pytest.fixture
def connect(standin, site_settings, monkeypatch, tmp_path):
    """Define the connection to the workspace, and that of the site whose VM is its compute target."""

    key_file = tmp_path / "key"
    key_file.write_text(new_key())
    vm_extra = {"private_key": new_key(), "host_key": "ssh-ed25519 AAAA"}
    vm = {"conn_type": "ssh", "host": "10.0.0.4", "login": "edge", "extra": vm_extra}
    monkeypatch.setenv("AIRFLOW_CONN_EDGE_SITE_VM", json.dumps(vm))
    known = options(standin)
    login, secret = known.pop("client_id"), known.pop("client_secret")
    machine = {"name": "edge-vm", "address": "10.0.0.4", "user": "azureml", "site": "edge_site"}
    extra = {
        **known,
        "python": str(azureml_python(site_settings, tmp_path / "install.log")),
        "proxy": f"http://{standin.proxy}",
        "compute_target": {**machine, "key_file": str(key_file)},
    }

    def define(password: str = secret) -> ModelRegistryHook:
        connection = {"conn_type": "http", "login": login, "password": password, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_EDGE_AZUREML", json.dumps(connection))
        return ModelRegistryHook("edge_azureml")

    return define


async def test_a_training_is_a_run_that_names_the_machine_which_is_attached_for_it(connect, standin):
    tracker = await connect().atracker()
    async with tracker.run(NAME, KEY, {"site": "edge_site"}, farewell_s=FOREVER_S) as run:
        run.log([FIRST])

    workspace = SeenWorkspace(standin)
    [run] = workspace.training_runs(NAME, KEY)
    assert (run.status, run.points) == ("RUNNING", [FIRST])
    assert workspace.run(run.run_id)["target"] == "edge-vm"


def test_a_secret_that_is_corrected_in_the_connection_is_taken_up(connect):
    with pytest.raises(ModelRegistryRefused, match="AADSTS7000215"):
        connect(password="wrong").client().champion(NAME)
    assert connect().client().champion(NAME) is None


def test_the_command_attaches_the_machine_and_lets_the_service_forget_it(connect, standin, capsys):
    connect()
    workspace = SeenWorkspace(standin)
    for _ in range(2):
        assert compute_target.main(["attach", "--connection", "edge_azureml"]) == 0
        assert list(workspace.computes()) == ["edge-vm"]
    for _ in range(2):
        assert compute_target.main(["detach", "--connection", "edge_azureml"]) == 0
        assert workspace.computes() == {}
    assert "edge-vm is attached.\n" in (said := capsys.readouterr().out)
    assert "edge-vm is detached. The next training attaches it again, unless" in said


def test_the_command_says_why_the_machine_is_not_attached(connect, capsys):
    connect(password="wrong")
    assert compute_target.main(["attach", "--connection", "edge_azureml"]) == compute_target.FAILED
    assert "AADSTS7000215" in capsys.readouterr().err
