"""A site's connections: what is needed is asked for by name, what is secret stays out of sight."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest
from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowException
from tests.standins.certificates import certificates

from edge_airflow.hooks.registries import ImageRegistryHook
from edge_airflow.hooks.site import SiteHook, blob_store, ssh_target
from edge_training.errors import BadRequest, SecretsNeeded, SiteUnreachable
from edge_training.sas import Grant

VM = {"private_key": "PRIVATE", "host_key": "ssh-ed25519 AAAA", "docker_socket": "/run/docker.sock"}
BLOB = {"api_version": "2019-07-07", "forward_address": "10.0.0.4"}


def vm(extra: dict, **changes) -> Connection:
    return Connection(
        **{"conn_id": "edge_site_vm", "conn_type": "ssh", "host": "vm.test", "port": 2222, "login": "edge"}
        | changes,
        extra=json.dumps(extra),
    )


def blob(extra: dict, **changes) -> Connection:
    return Connection(
        **{
            "conn_id": "edge_site_blob",
            "conn_type": "wasb",
            "host": "https://edgestore.blob.test",
            "login": "edgestore",
            "password": "a2V5",
        }
        | changes,
        extra=json.dumps(extra),
    )


def test_the_vm_is_read_from_its_connection():
    target = ssh_target(vm(VM))
    assert (target.host, target.port, target.user) == ("vm.test", 2222, "edge")
    assert (target.host_key, target.docker_socket) == ("ssh-ed25519 AAAA", "/run/docker.sock")
    assert target.private_key == "PRIVATE"
    assert "PRIVATE" not in repr(target)


def test_a_key_can_stay_in_a_file_and_ports_have_defaults(tmp_path):
    (tmp_path / "key").write_text("FROM FILE")
    target = ssh_target(vm({"host_key": "ssh-ed25519 AAAA", "key_file": str(tmp_path / "key")}, port=None))
    assert (target.private_key, target.port) == ("FROM FILE", 22)
    assert target.docker_socket == "/var/run/docker.sock"
    assert target.boot_id_path == "/proc/sys/kernel/random/boot_id"


def test_the_boot_id_can_stand_elsewhere():
    assert ssh_target(vm(VM | {"boot_id_path": "/run/boot"})).boot_id_path == "/run/boot"


@pytest.mark.parametrize(
    ("connection", "field"),
    [
        (vm(VM, host=None), "host"),
        (vm(VM, login=None), "login"),
        (vm(VM | {"private_key": ""}), "private_key"),
        (vm({name: VM[name] for name in VM if name != "host_key"}), "host_key"),
    ],
)
def test_a_vm_without_a_needed_field_is_refused_by_the_fields_name(connection, field):
    """Without a pinned host key nobody is trusted."""
    with pytest.raises(BadRequest, match=f"edge_site_vm lacks {field}; add it under Admin > Connections"):
        ssh_target(connection)


def test_the_blob_store_is_read_from_its_connection():
    store = blob_store(blob(BLOB))
    assert (store.endpoint, store.account, store.key) == ("https://edgestore.blob.test", "edgestore", "a2V5")
    assert (store.api_version, store.ca_pem, store.forward_address) == ("2019-07-07", None, "10.0.0.4")
    assert blob_store(blob({})).api_version == "2019-02-02"
    assert "a2V5" not in repr(store)


def test_connections_are_found_by_the_sites_name(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_NORTH_BLOB", blob(BLOB).get_uri())
    site = SiteHook("north").site()
    assert (site.name, site.store.account) == ("north", "edgestore")


async def test_access_is_signed_anew_of_what_the_connection_says_now(monkeypatch):
    hook, grant = SiteHook("north"), Grant("data", "r")
    for sign in (hook.signs(grant), hook.asigns(grant)):
        for version in ("2019-07-07", "2019-02-02"):
            monkeypatch.setenv("AIRFLOW_CONN_NORTH_BLOB", blob({"api_version": version}).get_uri())
            assert parse_qs((await sign())["sas"])["sv"] == [version]


@pytest.mark.parametrize("how", [SiteHook.signs, SiteHook.asigns])
async def test_access_that_cannot_be_signed_says_why(how, monkeypatch, request):
    sign = how(SiteHook("north"), Grant("data", "r"))
    with pytest.raises(BadRequest, match="The connection north_blob is missing"):
        await sign()
    monkeypatch.setenv("AIRFLOW_CONN_NORTH_BLOB", blob({}, password=None).get_uri())
    with pytest.raises(BadRequest, match="north_blob lacks password"):
        await sign()
    monkeypatch.delenv("AIRFLOW_CONN_NORTH_BLOB")
    request.getfixturevalue("failing_backend")
    with pytest.raises(SecretsNeeded, match="cannot look up the connection north_blob"):
        await sign()


async def connect_both_ways(hook: SiteHook) -> None:
    """As a worker and as a trigger do."""
    hook.connect()
    await hook.aconnect()
    await hook.abookmarks()


async def test_a_site_that_was_never_defined_is_said_at_once():
    hook = SiteHook("north")
    with pytest.raises(BadRequest, match="The connection north_vm is missing"):
        await hook.aconnect()
    with pytest.raises(BadRequest, match="The connection north_vm is missing"):
        hook.connect()


async def test_a_secrets_backend_that_fails_is_waited_for(failing_backend):
    hook = SiteHook("north")
    with pytest.raises(SiteUnreachable, match="cannot look up the connection north_vm"):
        await hook.aconnect()
    with pytest.raises(AirflowException, match="cannot look up the connection north_vm"):
        hook.connect()


@pytest.mark.parametrize("now", ["", '{"conn_type": "ssh", ', json.dumps({"conn_type": "ssh"})])
async def test_a_watch_goes_on_with_the_connection_as_it_was(monkeypatch, capsys, now):
    """Gone, broken, or without a host: a slip in a connection ends no watch."""
    hook = SiteHook("north")
    monkeypatch.setenv("AIRFLOW_CONN_NORTH_VM", vm(VM).get_uri())
    await connect_both_ways(hook)
    known = hook._target
    monkeypatch.setenv("AIRFLOW_CONN_NORTH_VM", now)
    await connect_both_ways(hook)
    assert hook._target == known
    assert "north is used as it was read last: The connection north_vm" in capsys.readouterr().out


async def test_a_watch_goes_on_through_a_secrets_backend_that_fails(monkeypatch, request):
    hook = SiteHook("north")
    monkeypatch.setenv("AIRFLOW_CONN_NORTH_VM", vm(VM).get_uri())
    await connect_both_ways(hook)
    monkeypatch.delenv("AIRFLOW_CONN_NORTH_VM")
    request.getfixturevalue("failing_backend")
    await connect_both_ways(hook)


async def test_a_watch_goes_on_while_its_key_file_is_away(tmp_path, monkeypatch):
    (tmp_path / "key").write_text("FROM FILE")
    hook = SiteHook("north")
    extra = {"host_key": "ssh-ed25519 AAAA", "key_file": str(tmp_path / "key")}
    monkeypatch.setenv("AIRFLOW_CONN_NORTH_VM", vm(extra).get_uri())
    await connect_both_ways(hook)
    (tmp_path / "key").unlink()
    await connect_both_ways(hook)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
async def test_a_key_file_that_cannot_be_read_is_named(tmp_path, monkeypatch, content):
    key = tmp_path / "key"
    if content:
        key.write_bytes(content)
    monkeypatch.setenv(
        "AIRFLOW_CONN_NORTH_VM", vm({"host_key": "ssh-ed25519 AAAA", "key_file": str(key)}).get_uri()
    )
    sentence = f"The file {key}, which key_file of the connection .*_vm names, cannot be read"
    with pytest.raises(BadRequest, match=sentence):
        SiteHook("north").connect()
    with pytest.raises(BadRequest, match=sentence):
        await SiteHook("north").aconnect()


@pytest.mark.parametrize("extra", ["[]", '"text"', '{"host_key": '])
def test_an_extra_that_is_no_object_is_refused(extra):
    connection = Connection(conn_id="edge_site_vm", conn_type="ssh", host="h", login="e", extra=extra)
    with pytest.raises(BadRequest, match="The extra of the connection edge_site_vm is no JSON object"):
        ssh_target(connection)


JUNK = ["PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "Zertifikat f\u00fcr uns"]


@pytest.mark.parametrize("pem", JUNK)
def test_an_authority_that_is_no_certificate_is_refused_before_any_job(pem):
    with pytest.raises(BadRequest, match="The ca_pem of the connection edge_site_blob is no PEM certificate"):
        blob_store(blob({"ca_pem": pem}))


def test_an_authority_is_read_and_an_empty_field_is_none():
    pem = certificates().ca_file.read_text()
    assert blob_store(blob({"ca_pem": pem})).ca_pem == pem
    assert blob_store(blob({"ca_pem": ""})).ca_pem is None


def test_the_registrys_password_stays_out_of_sight(monkeypatch):
    registry = {
        "conn_type": "azure_container_registry",
        "host": "r.test",
        "login": "edge",
        "password": "pw-1",
    }
    monkeypatch.setenv("AIRFLOW_CONN_EDGE_REGISTRY", json.dumps(registry))
    login = ImageRegistryHook("edge_registry").login()
    assert (login.registry, login.user, login.password) == ("r.test", "edge", "pw-1")
    assert "pw-1" not in repr(login)
