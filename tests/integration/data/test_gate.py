"""The SDK against the gate: what a Stack Hub accepts works, what it lacks is refused with its codes."""

from __future__ import annotations

import os

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobServiceClient


def service(site, **options):
    credential = AzureNamedKeyCredential(site.blob_account, site.blob_key)
    return BlobServiceClient(
        site.blob_host_endpoint,
        credential=credential,
        connection_verify=str(site.ca_file),
        retry_total=0,
        **options,
    )


def code_of(call, *arguments, **options):
    with pytest.raises(HttpResponseError) as caught:
        call(*arguments, **options)
    return caught.value.status_code, str(caught.value.error_code.value)


def test_sdk_with_its_own_newest_version_is_refused(site, box):
    with service(site) as client:
        container = client.get_container_client(box.client.container_name)
        assert code_of(container.get_container_properties) == (400, "InvalidHeaderValue")


def test_sdk_with_the_pinned_version_works_in_blocks_and_ranges(box):
    content = os.urandom(9_000_000)
    client = box.client.get_blob_client("ü b/+%25")
    client.upload_blob(content, overwrite=True, max_concurrency=2, metadata={"a": "b"})
    assert client.download_blob(offset=4_000_000, length=1_000_000).readall() == content[4_000_000:5_000_000]
    assert client.download_blob(max_concurrency=2).readall() == content
    assert client.get_blob_properties().metadata == {"a": "b"}


def test_features_that_a_stack_hub_lacks_are_refused(box):
    box.put("a", b"abc")
    blob = box.client.get_blob_client("a")
    assert code_of(blob.set_standard_blob_tier, "Cool") == (400, "BlobAccessTierNotSupportedForAccountType")
    assert code_of(blob.upload_blob, b"x", overwrite=True, tags={"a": "b"}) == (400, "UnsupportedHeader")
    assert code_of(blob.set_blob_tags, {"a": "b"}) == (400, "InvalidQueryParameterValue")
    assert code_of(box.client.delete_blobs, "a") == (400, "InvalidQueryParameterValue")
    assert blob.download_blob().readall() == b"abc"
