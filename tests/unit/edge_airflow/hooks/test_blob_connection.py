"""A blob store's connection: three ways in, one of them; what contradicts itself is refused by its fields."""

from __future__ import annotations

import json

import pytest
from airflow.sdk import Connection

from edge_airflow.hooks.blob_connection import blob_store
from edge_training.errors import BadRequest

HOST = "https://edgestore.blob.east.stackhub.test"
KEY = "a2V5"
SAS = "sv=2019-02-02&sr=c&sp=rl&se=2030-01-01T00:00:00Z&spr=https&sig=SECRET%3D"
STRING = f"BlobEndpoint={HOST}/;AccountName=edgestore;AccountKey={KEY}=="


def blob(host=None, login=None, password=None, **extra) -> Connection:
    return Connection(
        conn_id="edge_site_blob",
        conn_type="wasb",
        host=host,
        login=login,
        password=password,
        extra=json.dumps(extra),
    )


@pytest.mark.parametrize(
    ("connection", "key", "sas"),
    [
        (blob(HOST, "edgestore", KEY), KEY, ""),
        (blob(f"{HOST}/", None, KEY), KEY, ""),
        (blob("edgestore.blob.east.stackhub.test", None, KEY), KEY, ""),
        (blob(None, "edgestore", KEY, endpoint_suffix="east.stackhub.test"), KEY, ""),
        (blob(HOST, "edgestore", account_key=KEY), KEY, ""),
        (blob(HOST, "edgestore", shared_access_key=KEY), KEY, ""),
        (blob(connection_string=STRING), f"{KEY}==", ""),
        (blob(HOST, "edgestore", connection_string=STRING), f"{KEY}==", ""),
        (blob(connection_string=f"{STRING};EndpointSuffix=ignored.test;"), f"{KEY}==", ""),
        (
            blob(
                connection_string="DefaultEndpointsProtocol=https;AccountName=edgestore;AccountKey=a2V5==;"
                "EndpointSuffix=east.stackhub.test"
            ),
            f"{KEY}==",
            "",
        ),
        (blob(connection_string=f"BlobEndpoint={HOST};SharedAccessSignature=?{SAS}"), "", SAS),
        (blob(HOST, sas_token=SAS), "", SAS),
        (blob(HOST, "edgestore", sas_token=f"?{SAS}"), "", SAS),
        (blob(sas_token=f"{HOST}/flights-data?{SAS}"), "", SAS),
    ],
)
def test_key_connection_string_and_signature_lead_to_the_same_store(connection, key, sas):
    store = blob_store(connection)
    assert (store.endpoint, store.account) == (HOST, "edgestore")
    assert (store.key, store.sas) == (key, sas)
    assert "SECRET" not in repr(store)
    assert KEY not in repr(store)


def test_an_emulators_address_needs_the_accounts_name_beside_it():
    store = blob_store(blob("https://127.0.0.1:10000/edgestore", "edgestore", KEY))
    assert (store.endpoint, store.account) == ("https://127.0.0.1:10000/edgestore", "edgestore")


@pytest.mark.parametrize(
    ("connection", "endpoint"),
    [
        (blob(None, "edgestore", KEY), "https://edgestore.blob.core.windows.net"),
        (
            blob(connection_string="AccountName=edgestore;AccountKey=a2V5"),
            "https://edgestore.blob.core.windows.net",
        ),
        (
            blob(None, "edgestore", KEY, endpoint_suffix="core.chinacloudapi.cn"),
            "https://edgestore.blob.core.chinacloudapi.cn",
        ),
    ],
)
def test_public_azure_is_found_by_the_accounts_name(connection, endpoint):
    assert blob_store(connection, "core.windows.net").endpoint == endpoint


@pytest.mark.parametrize(
    ("connection", "words"),
    [
        (blob(None, "edgestore", KEY), "lacks host; add it"),
        (blob("https://10.0.0.4", None, KEY), "lacks login; add it"),
        (blob(HOST, "edgestore"), "lacks password (the account's key), sas_token and connection_string"),
        (
            blob(HOST, "edgestore", KEY, sas_token=SAS),
            "has password and sas_token, of which only one",
        ),
        (
            blob(HOST, "edgestore", KEY, connection_string=STRING),
            "has password and connection_string, of which only one can count",
        ),
        (
            blob("https://other.blob.test", connection_string=STRING),
            f"The host of the connection edge_site_blob says https://other.blob.test, its extra {HOST}",
        ),
        (
            blob(HOST, "other", connection_string=STRING),
            "The login of the connection edge_site_blob says",
        ),
        (blob("https://other.blob.test", sas_token=f"{HOST}?{SAS}"), "The host of the connection"),
        (blob(connection_string="AccountKey=a2V5"), "lacks BlobEndpoint or AccountName"),
        (blob(connection_string=f"BlobEndpoint={HOST}"), "lacks AccountKey; copy it again"),
        (
            blob(connection_string=f"{STRING};SharedAccessSignature={SAS}"),
            "has AccountKey and SharedAccessSignature; copy it again",
        ),
        (blob(HOST, "edgestore", KEY, api_version="latest"), "The api_version 'latest'"),
        (blob(HOST, "edgestore", KEY, proxy="proxy.test"), "The proxy 'proxy.test' of the connection"),
        (
            blob(HOST, "edgestore", KEY, proxy="https://proxy.test:3128"),
            "is no proxy's address; write it",
        ),
        (blob(HOST, "edgestore", KEY, proxy="http://proxy.test:99999"), "is no proxy's address"),
        (
            blob(HOST, "edgestore", KEY, proxy="http://u:hush@proxy.test:3128"),
            "has a password, which",
        ),
        (
            blob(HOST, "edgestore", KEY, proxy="http://proxy.test:3128", forward_address="host-gateway"),
            "a proxy does not know the VM's own host-gateway",
        ),
    ],
)
def test_what_is_missing_or_contradicts_itself_is_refused_by_its_field_without_secrets(connection, words):
    with pytest.raises(BadRequest) as caught:
        blob_store(connection)
    assert words in str(caught.value)
    assert not [secret for secret in ("SECRET", KEY, "hush") if secret in str(caught.value)]


def test_what_a_stack_hub_does_not_need_is_off_until_it_is_asked_for():
    plain = blob_store(blob(HOST, "edgestore", KEY))
    assert (plain.proxy, plain.hierarchical_namespace, plain.api_version) == ("", False, "2019-02-02")
    asked = blob_store(
        blob(HOST, "edgestore", KEY, proxy="http://proxy.test:3128/", hierarchical_namespace=True)
    )
    assert (asked.proxy, asked.hierarchical_namespace) == ("http://proxy.test:3128", True)
