"""What a site's containers are told about its blob store, and what they never are."""

from __future__ import annotations

import base64

import pytest

from edge_training.errors import BadRequest
from edge_training.ports.edge_host import BlobForward
from edge_training.site import BlobStore

KEY = base64.b64encode(b"k" * 32).decode()
ENDPOINT = "https://edgestore.blob.local.stackhub.test"
STORE = BlobStore(ENDPOINT, "edgestore", KEY)


def test_a_job_reaches_the_endpoints_host_and_port_only():
    assert STORE.forward("image") == BlobForward(
        "edgestore.blob.local.stackhub.test", 443, "edgestore.blob.local.stackhub.test", "image"
    )


def test_port_and_forward_address_can_be_given():
    store = BlobStore(f"{ENDPOINT}:17810", "edgestore", KEY, forward_address="10.0.0.4")
    forward = store.forward("image")
    assert (forward.port, forward.address) == (17810, "10.0.0.4")


@pytest.mark.parametrize("endpoint", ["http://store.example", "store.example", "https://"])
def test_an_endpoint_without_tls_is_refused(endpoint):
    with pytest.raises(BadRequest, match="is no https address; correct the host of the blob connection"):
        BlobStore(endpoint, "edgestore", KEY).forward("image")


def test_the_accounts_key_stays_on_the_worker():
    told = str(STORE.request("data")) + str(STORE.read_access("data", 60)) + repr(STORE)
    assert KEY not in told
    assert "sv=2019-02-02" in STORE.read_access("data", 60)["sas"]
