"""The signature's layout per service version, and what it allows; integration/data shows it to a server."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest
from azure.storage.blob import _shared_access_signature as sdk

from edge_training.errors import BadRequest
from edge_training.sas import Grant, read_sas, string_to_sign

NOW = datetime(2013, 2, 1, 12, 0, tzinfo=UTC)
KEY = base64.b64encode(b"secret" * 8).decode()


def sign(**changes):
    values = {
        "account": "edgestore",
        "key": KEY,
        "grant": Grant("flights-data", "rl"),
        "version": "2019-02-02",
        "now": NOW,
        "lifetime": timedelta(hours=1),
    }
    return read_sas(**values | changes)


def test_allows_reading_and_listing_of_one_container_over_https_only():
    fields = {name: values[0] for name, values in parse_qs(sign()).items()}
    del fields["sig"]
    assert fields == {
        "sv": "2019-02-02",
        "sr": "c",
        "sp": "rl",
        "spr": "https",
        "st": "2013-02-01T11:55:00Z",
        "se": "2013-02-01T13:00:00Z",
    }


def test_times_are_utc_whatever_the_zone_of_now():
    zone_of_new_york = datetime.fromisoformat("2013-02-01T07:00:00-05:00")
    assert sign(now=zone_of_new_york) == sign()


@pytest.mark.parametrize(
    ("version", "after_version"),
    [
        ("2015-04-05", []),
        ("2018-03-28", []),
        ("2018-11-09", ["c", ""]),
        ("2019-02-02", ["c", ""]),
        ("2019-07-07", ["c", ""]),
        ("2020-12-06", ["c", "", ""]),
    ],
)
def test_each_version_signs_its_own_fields(version, after_version):
    fields = {"sv": version, "sr": "c", "sp": "rl", "st": "S", "se": "E", "spr": "https"}
    lines = string_to_sign(fields, "/blob/a/c").split("\n")
    response_headers = [""] * 5
    assert lines == ["rl", "S", "E", "/blob/a/c", "", "", "https", version, *after_version, *response_headers]


def test_signature_is_the_hmac_of_that_layout():
    text = (
        "rl\n2013-02-01T11:55:00Z\n2013-02-01T13:00:00Z\n/blob/edgestore/flights-data\n\n\nhttps\n2019-02-02\nc"
        "\n\n\n\n\n\n"
    )
    expected = base64.b64encode(hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest())
    assert parse_qs(sign())["sig"] == [expected.decode()]


def test_version_before_the_known_layouts_is_refused():
    with pytest.raises(BadRequest, match="2015-04-05 or newer"):
        sign(version="2012-02-12")


def test_key_that_is_no_base64_is_refused_without_being_shown():
    with pytest.raises(BadRequest, match="not Base64") as caught:
        sign(key="a-pass-word!")
    assert "a-pass-word!" not in str(caught.value)


@pytest.mark.parametrize("permissions", ["r", "l", "rl"])
def test_what_a_step_may_do_and_no_more_is_signed(permissions):
    assert parse_qs(sign(grant=Grant("flights-data", permissions)))["sp"] == [permissions]


def test_a_directory_is_signed_with_its_depth():
    fields = parse_qs(sign(version="2020-02-10", grant=Grant("box", "r", "flights/2013")))
    assert (fields["sr"], fields["sdd"]) == (["d"], ["2"])


def test_a_version_without_directories_is_refused():
    with pytest.raises(BadRequest, match="2019-07-07 knows no signatures for directories; set"):
        sign(version="2019-07-07", grant=Grant("box", "r", "flights"))


def test_a_connection_without_a_key_signs_nothing():
    with pytest.raises(BadRequest, match="has a signature and no key"):
        sign(key="")


@pytest.mark.parametrize("version", ["2020-12-06", "2026-10-06"])
@pytest.mark.parametrize("directory", ["", "flights", "a/b ü"])
def test_signature_is_that_of_azures_own_sdk_for_the_versions_it_lays_out(version, directory):
    """The SDK signs the layout of 2020-12-06 for any version that it is told to write down."""
    signer = sdk.BlobSharedAccessSignature("edgestore", KEY)
    signer.x_ms_version = version
    times = {"start": "2013-02-01T11:55:00Z", "expiry": "2013-02-01T13:00:00Z", "protocol": "https"}
    theirs = (
        signer.generate_blob("box", directory, permission="rl", is_directory=True, **times)
        if directory
        else signer.generate_container("box", permission="rl", **times)
    )
    assert parse_qs(sign(version=version, grant=Grant("box", "rl", directory))) == parse_qs(theirs)
