"""The blob hooks: what the SDK's clients are made with, and what is said of one that does not work."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.identity import ClientSecretCredential
from azure.storage.blob import BlobServiceClient
from azure.storage.blob.aio import BlobServiceClient as AsyncBlobServiceClient
from tests.standins.blob_server import Answer, scripted_server
from tests.standins.certificates import certificates
from tests.standins.connect_proxy import connect_proxy

from edge_airflow.hooks.blobs import StackHubBlobAsyncHook, StackHubBlobHook
from edge_training.errors import BadRequest

HOST = "https://edgestore.blob.east.stackhub.test"
KEY = "a2V5"
SAS = "sv=2019-02-02&sr=c&sp=rl&se=2030-01-01T00:00:00Z&spr=https&sig=SECRET"
WITH_KEY = {"host": HOST, "login": "edgestore", "password": KEY}
EMPTY = Answer(
    body=b"<EnumerationResults><Blobs /><NextMarker /></EnumerationResults>",
    headers={"Content-Type": "application/xml"},
)


def refusal(status, code):
    return Answer(status, headers={"x-ms-error-code": code, "Content-Type": "application/xml"})


@pytest.fixture
def connection(monkeypatch):
    """Set the fields of the connection `east_blob`."""

    def set_to(extra=None, **fields):
        whole = {"conn_type": "wasb", **fields, "extra": extra or {}}
        monkeypatch.setenv("AIRFLOW_CONN_EAST_BLOB", json.dumps(whole))

    return set_to


async def both() -> list[BlobServiceClient | AsyncBlobServiceClient]:
    """The synchronous and the asynchronous client."""
    return [
        StackHubBlobHook("east_blob").get_conn(),
        await StackHubBlobAsyncHook("east_blob").get_async_conn(),
    ]


async def test_a_key_opens_an_account_whose_name_the_sdk_cannot_guess(connection):
    connection(**WITH_KEY)
    for client in await both():
        assert (client.account_name, client.primary_hostname) == ("edgestore", HOST.removeprefix("https://"))
        assert (client.credential.account_name, client.api_version) == ("edgestore", "2019-02-02")


@pytest.mark.parametrize("client", [BlobServiceClient, AsyncBlobServiceClient])
def test_the_sdk_alone_cannot_do_that(client):
    """The trap that the hook is for; when this fails, the SDK has learned it."""
    with pytest.raises(ValueError, match="Unable to determine account name"):
        client(HOST, credential=KEY)


@pytest.mark.parametrize(
    ("fields", "extra"),
    [
        ({"host": HOST}, {"sas_token": SAS}),
        ({}, {"sas_token": f"{HOST}?{SAS}"}),
        ({}, {"connection_string": f"BlobEndpoint={HOST};SharedAccessSignature={SAS}"}),
    ],
)
async def test_a_signature_is_used_as_it_is(connection, fields, extra):
    connection(extra, **fields)
    for client in await both():
        assert client.credential.signature == SAS
        assert client.primary_hostname == HOST.removeprefix("https://")


async def test_the_version_is_a_setting(connection):
    connection({"api_version": "2019-07-07"}, **WITH_KEY)
    assert [client.api_version for client in await both()] == ["2019-07-07", "2019-07-07"]


async def test_a_version_that_the_sdk_does_not_speak_is_refused(connection):
    connection({"api_version": "2013-08-15"}, **WITH_KEY)
    with pytest.raises(BadRequest, match="does not speak version 2013-08-15 of the service; set api_version"):
        StackHubBlobHook("east_blob").get_conn()
    with pytest.raises(BadRequest, match="does not speak version 2013-08-15"):
        await StackHubBlobAsyncHook("east_blob").get_async_conn()


async def test_public_azure_needs_the_accounts_name_and_its_key(connection):
    connection(login="edgestore", password=KEY)
    for client in await both():
        assert client.url == "https://edgestore.blob.core.windows.net/"


async def test_an_application_in_entra_id_is_the_providers_own_affair(connection):
    connection({"tenant_id": "tenant"}, host=HOST, login="app", password="hush")
    assert isinstance(StackHubBlobHook("east_blob").get_conn().credential, ClientSecretCredential)


async def test_anonymous_reading_sends_no_key(connection):
    connection(**WITH_KEY)
    assert StackHubBlobHook("east_blob", public_read=True).get_conn().credential is None


def test_a_signature_is_made_for_the_connections_version(connection):
    """The SDK's generators would make it for their own."""
    connection({"api_version": "2018-11-09"}, **WITH_KEY)
    fields = parse_qs(StackHubBlobHook("east_blob").container_sas("box", "r"))
    assert (fields["sv"], fields["sp"], fields["sr"]) == (["2018-11-09"], ["r"], ["c"])


def on(server, connection, **extra):
    """Point the connection at a server of the test's own."""
    ca_pem = certificates().ca_file.read_text()
    connection(
        {"ca_pem": ca_pem, "container": "box", **extra}, host=server.endpoint, login="account", password=KEY
    )


def test_a_connection_that_works_says_so(connection):
    with scripted_server(EMPTY) as server:
        on(server, connection)
        assert StackHubBlobHook("east_blob").test_connection() == (
            True,
            "The blob store answers, and lets us list.",
        )
    target, headers = server.requests[0]
    assert urlsplit(target).path == "/account/box"
    assert headers["x-ms-version"] == "2019-02-02"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (refusal(403, "AuthenticationFailed"), "answers 403 AuthenticationFailed; check"),
        (refusal(400, "InvalidHeaderValue"), "answers 400 InvalidHeaderValue; check"),
    ],
)
def test_a_connection_that_is_refused_says_the_services_code(connection, answer, words):
    with scripted_server(answer) as server:
        on(server, connection)
        works, said = StackHubBlobHook("east_blob").test_connection()
    assert (works, words in said, KEY in said) == (False, True, False)


def test_a_store_out_of_reach_is_said_without_the_signature(connection):
    with scripted_server(EMPTY) as server:
        connection({"sas_token": f"{server.endpoint}?{SAS}", "container": "box"})
        works, said = StackHubBlobHook("east_blob").test_connection()
    assert not works
    assert "cannot be reached from here (ServiceRequestError); check host, ca_pem" in said
    assert "SECRET" not in said


def test_an_authority_that_is_not_the_stores_is_not_trusted(connection):
    with scripted_server(EMPTY) as server:
        on(server, connection, ca_pem="")
        works, said = StackHubBlobHook("east_blob").test_connection()
    assert not works
    assert "check host, ca_pem" in said
    assert server.requests == []


def test_a_connection_that_cannot_be_right_is_said_by_its_field(connection):
    connection(host="https://10.0.0.4", password=KEY)
    works, said = StackHubBlobHook("east_blob").test_connection()
    assert not works
    assert "The connection east_blob lacks login" in said


def test_the_workers_proxy_is_used_and_what_it_leaves_out_is_not(connection, monkeypatch):
    with scripted_server(EMPTY) as server:
        place = urlsplit(server.endpoint).netloc
        with connect_proxy(allows=[place]) as proxy:
            on(server, connection)
            monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
            assert StackHubBlobHook("east_blob").test_connection()[0]
            assert proxy.asked == [f"CONNECT {place} HTTP/1.1"] or proxy.asked == [
                f"CONNECT {place} HTTP/1.0"
            ]
            monkeypatch.setenv("NO_PROXY", "127.0.0.1")
            assert StackHubBlobHook("east_blob").test_connection()[0]
            assert len(proxy.asked) == 1


async def test_the_triggerers_proxy_is_used_too(connection, monkeypatch):
    with scripted_server(EMPTY) as server:
        place = urlsplit(server.endpoint).netloc
        with connect_proxy(allows=[place]) as proxy:
            on(server, connection)
            monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
            async with await StackHubBlobAsyncHook("east_blob").get_async_conn() as client:
                names = [name async for name in client.get_container_client("box").list_blob_names()]
            assert (names, len(proxy.asked)) == ([], 1)
