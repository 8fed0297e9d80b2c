"""Which registry a connection leads to, and what is said of one that cannot be right."""

from __future__ import annotations

import json
import sys

import pytest
from airflow.sdk import Connection
from tests.keys import new_key
from tests.standins.certificates import certificates

from edge_airflow.hooks.model_registries import found_registry
from edge_airflow.hooks.registries import ModelRegistryHook
from edge_training.errors import BadRequest

SUBSCRIPTION, TENANT = "11111111-2222-3333-4444-555555555555", "99999999-8888-7777-6666-555555555555"
EXTRA = {
    "kind": "azureml",
    "subscription_id": SUBSCRIPTION,
    "resource_group": "edge-group",
    "workspace": "edge",
    "tenant_id": TENANT,
    "python": sys.executable,
}
FAR = """
import json, os, sys
opened = json.loads(sys.stdin.readline())["arguments"]["registry"]
print(json.dumps({"version": 1, "value": None}), flush=True)
for line in sys.stdin:
    ways = {name: os.environ.get(name) for name in ("HTTPS_PROXY", "NO_PROXY")}
    value = [json.loads(line)["call"], opened, ways]
    print(json.dumps({"version": 1, "value": value}), flush=True)
"""


def connection(login: str = "principal", password: str = "hunter2", **extra) -> Connection:
    who = {"host": "http://mlflow", "login": login, "password": password}
    fields = {"conn_id": "edge_azureml", "conn_type": "http", **who}
    return Connection(**fields, extra=json.dumps(EXTRA | extra))


@pytest.fixture
def told(monkeypatch, tmp_path):
    """What the other interpreter is told when a port of the hook is asked."""
    (tmp_path / "far.py").write_text(FAR)
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nexec {sys.executable} {tmp_path / 'far.py'}\n")
    python.chmod(0o755)

    def ask(ask_hook, **extra):
        extra = EXTRA | {"python": str(python)} | extra
        known = {"conn_type": "http", "login": "principal", "password": "hunter2", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_EDGE_AZUREML", json.dumps(known))
        return ask_hook(ModelRegistryHook("edge_azureml"))

    return ask


@pytest.mark.parametrize("kind", ["azureml", "azureml-mlflow"])
def test_a_workspace_is_opened_in_its_interpreter_as_the_connection_says(told, kind):
    ca_file = str(certificates().ca_file)
    call, opened, _ = told(lambda hook: hook.client().champion("m"), kind=kind, ca_file=ca_file)

    assert call == "registry.champion"
    assert opened == {
        "kind": kind,
        "subscription_id": SUBSCRIPTION,
        "resource_group": "edge-group",
        "workspace": "edge",
        "tenant_id": TENANT,
        "client_id": "principal",
        "client_secret": "hunter2",
        "ca_file": ca_file,
    }


@pytest.mark.parametrize(
    ("ask", "call"),
    [
        (lambda hook: hook.log_archive().attach("m", "k", "log"), "logs.attach"),
        (lambda hook: hook.validations().fetch("r", []), "validations.fetch"),
    ],
)
def test_the_other_ports_lead_there_too(told, ask, call):
    assert told(ask)[0] == call


def test_a_proxy_of_the_connection_is_the_way_of_that_process_alone(told, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    seen = told(lambda hook: hook.client().champion("m"), proxy="http://10.0.0.1:3128")[2]
    assert seen == {"HTTPS_PROXY": "http://10.0.0.1:3128", "NO_PROXY": None}


@pytest.mark.parametrize(
    ("field", "named"),
    [
        ("login", r"login \(the service principal's client id\)"),
        ("password", r"password \(its client secret\)"),
        *[(name, f"the extra {name}") for name in EXTRA if name != "kind"],
    ],
)
def test_what_a_workspaces_connection_lacks_is_named(field, named):
    with pytest.raises(BadRequest, match=f"The connection edge_azureml lacks {named}; add it under Admin"):
        found_registry(connection(**{field: ""}))


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        ({"kind": "sagemaker"}, "kind 'sagemaker' .* none of mlflow, azureml, azureml-mlflow; correct it"),
        ({"tenant_id": "contoso"}, "The tenant_id 'contoso' of the connection edge_azureml is no id like"),
        ({"subscription_id": "Pay as you go"}, "subscription_id 'Pay as you go' .* take it from"),
        (
            {"python": "/no/such/python"},
            "/no/such/python .* make the environment of requirements-azureml.txt",
        ),
        ({"python": "/tmp"}, "python /tmp of the connection edge_azureml is no interpreter here"),
        ({"ca_file": "/no/such.pem"}, "/no/such.pem, which ca_file of the connection edge_azureml names"),
        ({"proxy": "proxy:3128"}, "The proxy 'proxy:3128' .* write it as http://host:port"),
        (
            {"proxy": "http://u:p@proxy:3128"},
            "has a password, .* admit workers and triggerers by its address",
        ),
    ],
)
def test_a_field_that_cannot_be_right_is_named_with_the_remedy(extra, sentence):
    with pytest.raises(BadRequest, match=sentence):
        found_registry(connection(**extra))


@pytest.mark.parametrize("kind", ["mlflow", "azureml", "azureml-mlflow"])
def test_no_secret_shows_where_a_registry_is_printed(kind):
    assert "hunter2" not in repr(found_registry(connection(kind=kind)))


async def test_the_compute_targets_key_is_held_against_that_of_its_site(monkeypatch, tmp_path):
    """From a worker and from a trigger: the site's connection is looked up for it."""
    key, key_file = new_key(), tmp_path / "key"
    key_file.write_text(key)
    machine = {
        "name": "edge-vm",
        "address": "10.0.0.4",
        "user": "u",
        "key_file": str(key_file),
        "site": "plant",
    }
    known = {"conn_type": "http", "login": "principal", "password": "hunter2"}
    workspace = known | {"extra": EXTRA | {"compute_target": machine}}
    vm = {"conn_type": "ssh", "host": "vm", "login": "edge", "extra": {"private_key": key, "host_key": "k"}}
    monkeypatch.setenv("AIRFLOW_CONN_EDGE_AZUREML", json.dumps(workspace))
    monkeypatch.setenv("AIRFLOW_CONN_PLANT_VM", json.dumps(vm))
    with pytest.raises(BadRequest, match="the key that Airflow uses for plant"):
        ModelRegistryHook("edge_azureml").tracker()
    with pytest.raises(BadRequest, match="the key that Airflow uses for plant"):
        await ModelRegistryHook("edge_azureml").atracker()


@pytest.mark.parametrize("kind", ["mlflow", "azureml", "azureml-mlflow"])
def test_a_connection_without_a_compute_target_says_how_to_name_one(kind):
    sentence = (
        "edge_azureml names no compute_target; add it to the extra, with the kind azureml, as an object"
    )
    with pytest.raises(BadRequest, match=sentence):
        found_registry(connection(kind=kind)).compute_target()
