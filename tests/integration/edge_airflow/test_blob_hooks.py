"""The blob hooks on a real blob server behind a Stack Hub's limits: every way in, synchronous and not."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import (
    BlobServiceClient,
    ContainerClient,
    ContainerSasPermissions,
    generate_container_sas,
)

from edge_airflow.hooks.blobs import StackHubBlobAsyncHook, StackHubBlobHook
from local_site import SiteInfo

Point = Callable[..., None]


@pytest.fixture
def box(container: ContainerClient) -> str:
    """A container with one blob; gives its name."""
    container.upload_blob("day/a", b"abc")
    return str(container.container_name)


@pytest.fixture
def point(site: SiteInfo, box: str, monkeypatch) -> Point:
    """Make the connection `east_blob` of a way in."""

    def to(way: str, **more: str) -> None:
        url, account, key = site.blob_host_endpoint, site.blob_account, site.blob_key
        fields: dict = {"conn_type": "wasb"}
        extra = {"ca_pem": site.ca_file.read_text(), "container": box, **more}
        match way:
            case "key":
                fields |= {"host": url, "login": account, "password": key}
            case "connection string":
                extra["connection_string"] = f"BlobEndpoint={url};AccountName={account};AccountKey={key}"
            case "signature":
                fields |= {"host": url}
                extra["sas_token"] = signature
        monkeypatch.setenv("AIRFLOW_CONN_EAST_BLOB", json.dumps(fields | {"extra": extra}))

    to("key")
    signature = StackHubBlobHook("east_blob").container_sas(box)
    return to


@pytest.mark.parametrize("way", ["key", "connection string", "signature"])
async def test_every_way_in_lists_and_reads(point, box, way):
    point(way)
    hook, in_triggers = StackHubBlobHook("east_blob"), StackHubBlobAsyncHook("east_blob")
    assert hook.test_connection() == (True, "The blob store answers, and lets us list.")
    assert hook.get_blobs_list_recursive(box, prefix="day/") == ["day/a"]
    assert hook.download(box, "day/a").readall() == b"abc"
    async with await in_triggers.get_async_conn():
        assert await in_triggers.check_for_blob_async(box, "day/a")
        assert await in_triggers.check_for_prefix_async(box, "day/")


def test_the_providers_own_ways_to_write_and_delete_work(point, box):
    """The provider deletes by batch requests, which the service refuses."""
    point("key")
    hook = StackHubBlobHook("east_blob")
    hook.load_string("text", box, "day/b")
    hook.delete_file(box, "day/a")
    assert hook.get_blobs_list_recursive(box) == ["day/b"]


def test_a_version_above_the_ceiling_is_said(point):
    point("key", api_version="2020-10-02")
    works, said = StackHubBlobHook("east_blob").test_connection()
    assert not works
    assert "answers 400 InvalidHeaderValue; check the connection's key or signature, its api_version" in said


def test_signatures_of_the_sdks_own_generator_are_refused_and_ours_are_not(site, point, box):
    """The trap: the generator writes its newest version, whatever version the client speaks."""
    theirs = generate_container_sas(
        site.blob_account,
        box,
        account_key=site.blob_key,
        permission=ContainerSasPermissions(read=True, list=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    point("key")
    ours = StackHubBlobHook("east_blob").container_sas(box)

    def listed(sas: str) -> list[str]:
        client = BlobServiceClient(
            f"{site.blob_host_endpoint}?{sas}", api_version="2019-02-02", connection_verify=str(site.ca_file)
        )
        return list(client.get_container_client(box).list_blob_names())

    assert listed(ours) == ["day/a"]
    with pytest.raises(HttpResponseError) as caught:
        listed(theirs)
    assert caught.value.status_code == 403
