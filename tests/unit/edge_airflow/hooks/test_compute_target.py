"""The site's VM as compute target: told to the service with a key of its own, never with Airflow's."""

from __future__ import annotations

import json

import pytest
from airflow.sdk import Connection
from tests.keys import new_key

from edge_airflow.hooks.compute_target import compute_options, site_of
from edge_training.errors import BadRequest

AIRFLOWS = new_key()


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "key"
    path.write_text(new_key())
    return path


@pytest.fixture
def connection(key_file):
    """The workspace's connection; a field that is None is left out."""

    def make(kind="azureml", **changes) -> Connection:
        machine = {"name": "edge-vm", "address": "10.0.0.4", "user": "azureml", "key_file": str(key_file)}
        fields = machine | {"site": "edge_site"} | changes
        told = {name: value for name, value in fields.items() if value is not None}
        extra = json.dumps({"kind": kind, "compute_target": told})
        return Connection(conn_id="edge_azureml", conn_type="http", extra=extra)

    return make


def test_the_service_is_told_of_the_machine(connection, key_file):
    assert compute_options(connection(), AIRFLOWS) == {
        "compute": {
            "name": "edge-vm",
            "address": "10.0.0.4",
            "user": "azureml",
            "private_key": key_file.read_text(),
            "port": 22,
        },
    }
    assert compute_options(connection(port="2222"), AIRFLOWS)["compute"]["port"] == 2222


def test_without_one_nothing_is_told_and_no_site_is_asked_for():
    plain = Connection(conn_id="edge_azureml", conn_type="http", extra='{"kind": "azureml"}')
    assert (site_of(plain), compute_options(plain, AIRFLOWS)) == ("", {})


@pytest.mark.parametrize(
    "written", [AIRFLOWS, AIRFLOWS.strip()], ids=["as it is", "without its last newline"]
)
def test_airflows_own_key_is_refused_however_it_is_written(connection, key_file, written):
    key_file.write_text(written)
    with pytest.raises(
        BadRequest, match=r"key that Airflow uses for edge_site, .* make a key for this alone"
    ):
        compute_options(connection(), AIRFLOWS)


@pytest.mark.parametrize("name", ["name", "address", "user", "key_file", "site"])
def test_what_it_lacks_is_named(connection, name):
    with pytest.raises(
        BadRequest, match=f"compute_target of the connection edge_azureml lacks {name}; write"
    ):
        site_of(connection(**{name: None}))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"kind": "azureml-mlflow"}, "has a compute_target, which only the kind azureml attaches; set that"),
        ({"port": "ssh"}, "The port 'ssh' of compute_target .* is no number"),
        ({"key_file": "/no/such/key"}, "/no/such/key, which key_file of compute_target .* cannot be read"),
    ],
)
def test_what_cannot_be_right_is_named(connection, wrong, sentence):
    with pytest.raises(BadRequest, match=sentence):
        compute_options(connection(**wrong), AIRFLOWS)


def test_a_key_that_is_none_is_told(connection, key_file):
    key_file.write_text("nonsense")
    with pytest.raises(
        BadRequest, match=f"{key_file}, which compute_target of the connection edge_azureml names: .* cannot"
    ):
        compute_options(connection(), AIRFLOWS)


@pytest.mark.parametrize("name", ["edge_site", "vm", "1-vm", "edge-vm-7", "e" * 25])
def test_a_name_that_no_compute_target_can_have_is_refused(connection, name):
    with pytest.raises(BadRequest, match="has no name that one can have; use 3 to 24 letters"):
        site_of(connection(name=name))
