"""Signatures made for a version of the service, presented to a real server behind the gate."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
import urllib3

from edge_runner.protocol import StepError
from edge_training.sas import Grant

HOST = "edgestore.blob.local.stackhub.test"


def refusal(box):
    with pytest.raises(StepError) as caught:
        box.wait("a")
    return caught.value


@pytest.mark.parametrize("version", ["2015-04-05", "2018-03-28", "2018-11-09", "2019-02-02", "2019-07-07"])
def test_every_version_that_a_stack_hub_speaks_is_signed_rightly(box, version):
    box.put("a", b"abc")
    box.signature["version"] = box.access["api_version"] = version
    assert box.wait("a") == {"blobs": 1, "size_bytes": 3}


def test_signature_holds_for_the_account_as_host_name_too(box):
    box.put("a b/ü", b"abc")
    port = urlsplit(box.site.blob_host_endpoint).port
    context = ssl.create_default_context(cafile=box.site.ca_file)
    with urllib3.HTTPSConnectionPool("127.0.0.1", port, ssl_context=context, server_hostname=HOST) as pool:
        response = pool.urlopen(
            "GET",
            f"/{box.client.container_name}/a%20b/%C3%BC?{box.secrets()['sas']}",
            headers={"Host": f"{HOST}:{port}", "x-ms-version": "2019-02-02"},
        )
    assert (response.status, response.data) == (200, b"abc")


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_signature_does_not_allow_to_change_anything(box, method):
    box.put("a", b"abc")
    endpoint = urlsplit(box.site.blob_host_endpoint)
    context = ssl.create_default_context(cafile=box.site.ca_file)
    with urllib3.HTTPSConnectionPool("127.0.0.1", endpoint.port, ssl_context=context) as pool:
        target = f"{endpoint.path}/{box.client.container_name}/a?{box.secrets()['sas']}"
        headers = {"x-ms-version": "2019-02-02", "x-ms-blob-type": "BlockBlob"}
        response = pool.urlopen(method, target, headers=headers, body=b"x" if method == "PUT" else None)
    assert (response.status, response.headers["x-ms-error-code"]) == (403, "AuthorizationPermissionMismatch")
    assert box.client.download_blob("a").readall() == b"abc"


def test_each_step_does_its_work_with_what_it_is_granted_and_nothing_more(box):
    box.put("day/a", b"abc")
    may_list, may_read = (Grant(box.client.container_name, one) for one in "lr")
    box.signature["grant"] = may_list
    assert box.wait("day/")["blobs"] == 1
    digest = box.snapshot(train="day/")["data_digest"]
    with pytest.raises(StepError, match="the signature does not allow this; put one with sp=rl"):
        box.stage(digest)
    box.signature["grant"] = may_read
    assert box.stage(digest)["downloaded_bytes"] == 3
    with pytest.raises(StepError, match="the signature does not allow this"):
        box.wait("day/")


def test_container_that_is_not_there_is_told_from_one_that_is_refused(box):
    there = box.client.container_name
    box.access["container"] = "no-such-container"
    box.signature["grant"] = Grant("no-such-container", "rl")
    assert "it does not exist; correct `container` in the DAG file" in refusal(box).message
    box.signature["grant"] = Grant(there, "rl")
    assert "check that the container's name is right" in refusal(box).message


def test_expired_signature_is_named_with_its_remedy(box):
    box.let_access_be_over()
    error = refusal(box)
    assert error.kind == "StoreRefused"
    assert "the signature expired at" in error.message
    assert "correct the clock that is wrong" in error.message


def test_signature_from_a_clock_that_is_ahead_is_named_with_its_remedy(box):
    box.signature["now"] = datetime.now(UTC) + timedelta(hours=1)
    assert "correct the clock that is wrong, the store's or the worker's" in refusal(box).message


def test_wrong_key_is_named_with_its_remedy(box):
    box.signature["key"] = "d3Jvbmc="
    error = refusal(box)
    assert error.kind == "StoreRefused"
    assert "put the account's present key into the blob connection" in error.message


def test_signature_of_one_container_does_not_open_another(box, flights_box):
    flights_box.signature["grant"] = Grant(box.client.container_name, "rl")
    assert refusal(flights_box).kind == "StoreRefused"


def test_version_above_the_ceiling_is_named_with_its_remedy(box):
    box.signature["version"] = box.access["api_version"] = "2019-12-12"
    error = refusal(box)
    assert error.kind == "StoreRefused"
    assert (
        "refuses version 2019-12-12 of the service; set api_version of the blob connection" in error.message
    )


def test_signature_of_a_version_above_the_ceiling_is_refused(box):
    box.signature["version"] = "2019-12-12"
    assert (
        "check that the container's name is right and that the store supports version" in refusal(box).message
    )


def test_authority_that_is_not_trusted_is_named_with_its_remedy(box):
    box.access["ca_pem"] = None
    error = refusal(box)
    assert error.kind == "StoreRefused"
    assert "into ca_pem of the blob connection" in error.message
