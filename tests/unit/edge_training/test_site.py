"""What a site's containers are told about its blob store, and what they never are."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from edge_training.errors import BadRequest
from edge_training.given_sas import end_of
from edge_training.ports.edge_host import BlobForward
from edge_training.sas import Grant
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


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://store.example",
        "store.example",
        "https://",
        "https://store.example:port",
        "https://store.example:99999",
        "https://[::1",
    ],
)
def test_an_endpoint_that_is_no_https_address_is_refused(endpoint):
    with pytest.raises(BadRequest, match="is no https address; correct the host of the blob connection"):
        BlobStore(endpoint, "edgestore", KEY).forward("image")


def test_the_accounts_key_stays_on_the_worker():
    secrets = STORE.secrets(Grant("data", "rl"))
    assert KEY not in str(STORE.request("data")) + str(secrets) + repr(STORE)
    assert "sv=2019-02-02" in secrets["sas"]


def test_a_signature_of_ours_lasts_an_hour_however_long_the_step_may_take():
    ends = end_of(STORE.secrets(Grant("data", "r"), needed_s=6 * 3600)["sas"])
    assert timedelta(minutes=59) < ends - datetime.now(UTC) <= timedelta(hours=1)


@pytest.mark.parametrize(
    ("account", "prefix", "directory"),
    [
        ({}, "flights/date=", ""),
        ({"hierarchical_namespace": True}, "flights/date=", ""),
        ({"hierarchical_namespace": True, "api_version": "2020-02-10"}, "flights/date=", "flights"),
        ({"hierarchical_namespace": True, "api_version": "2020-02-10"}, "raw/flights/", "raw/flights"),
        ({"hierarchical_namespace": True, "api_version": "2020-02-10"}, "date=", ""),
    ],
)
def test_a_grant_is_for_the_datas_directory_where_the_account_has_any(account, prefix, directory):
    assert replace(STORE, **account).grant("data", "l", prefix) == Grant("data", "l", directory)


def test_a_given_signature_is_handed_on_as_it_is():
    given = STORE.secrets(Grant("data", "rl"))["sas"]
    store = BlobStore(ENDPOINT, "edgestore", sas=given)
    assert store.secrets(Grant("data", "r"), needed_s=600) == {"sas": given}
    assert given not in repr(store)


def test_a_given_signature_that_ends_before_the_steps_limit_is_refused():
    store = BlobStore(ENDPOINT, "edgestore", sas=STORE.secrets(Grant("data", "rl"))["sas"])
    with pytest.raises(BadRequest, match="before the step's limit of 21600 s is over"):
        store.secrets(Grant("data", "r"), needed_s=6 * 3600)


def test_the_proxy_is_told_to_the_forwarder_and_to_the_step():
    store = replace(STORE, proxy="http://proxy.test:3128")
    assert store.forward("image").proxy == store.request("data")["proxy"] == "http://proxy.test:3128"
