"""The blob client against a server that fails on demand: paging, retries, and one sentence per refusal."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.standins.blob_server import Answer, scripted_server
from tests.standins.certificates import certificates
from tests.standins.ranged_blobs import Trouble, ranged_blobs
from tests.unit.edge_runner.blobs.reading import read_part

from edge_runner.blobs.access import StoreAccess
from edge_runner.blobs.signature import Signature, Waiting
from edge_runner.blobs.store import BlobStore, RetryPolicy
from edge_runner.protocol import StepError

NOWHERE = Path("/nowhere/at/all")
SAS = "sv=2019-02-02&sr=c&sp=rl&st=2013-01-01T00:00:00Z&se=2013-01-02T00:00:00Z&spr=https&sig=SECRET"
DURING = {"Date": "Tue, 01 Jan 2013 12:00:00 GMT"}


def listing(*names, marker="", encoded=False):
    attribute = ' Encoded="true"' if encoded else ""
    blobs = "".join(
        f"<Blob><Name{attribute}>{name}</Name><Properties>"
        "<Last-Modified>Tue, 01 Jan 2013 10:00:00 GMT</Last-Modified>"
        "<Etag>0x8D1</Etag><Content-Length>3</Content-Length><Content-MD5>kAFQmDzST7DWlj99KOF/cg==</Content-MD5>"
        "</Properties></Blob>"
        for name in names
    )
    text = f"<EnumerationResults><Blobs>{blobs}</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>"
    return Answer(body=text.encode(), headers=DURING)


def error(status, code, **headers):
    body = f"\ufeff<?xml version='1.0'?><Error><Code>{code}</Code></Error>".encode()
    return Answer(status, body, {**DURING, "x-ms-error-code": code, **headers})


def store_on(server, pauses=None, **changes):
    values = {
        "endpoint": server.endpoint,
        "container": "box",
        "signature": Signature(SAS, NOWHERE, NOWHERE),
        "api_version": "2019-02-02",
        "ca_pem": certificates().ca_file.read_text(),
    }
    sleep = (pauses if pauses is not None else []).append
    return BlobStore(
        StoreAccess(**values | changes), retry=RetryPolicy(attempts=3, backoff_s=1.0, sleep=sleep)
    )


def list_all(store, prefix=""):
    return [blob for page in store.list_pages(prefix) for blob in page.blobs]


def read_ranged(box, name, offset=0, length=None):
    return read_part(store_on(box), name, len(box.blobs[name]), box.etag(name), offset, length)


def test_listing_follows_markers_to_the_end():
    with scripted_server(listing("a", "b", marker="2!next page"), listing("c")) as server:
        blobs = list_all(store_on(server), prefix="day=1/x y")
    assert [blob.name for blob in blobs] == ["a", "b", "c"]
    first, second = (target for target, _ in server.requests)
    assert first == f"/account/box?restype=container&comp=list&prefix=day%3D1%2Fx%20y&include=metadata&{SAS}"
    assert "&marker=2%21next%20page&" in second


def test_listed_blob_has_what_the_manifest_pins():
    with scripted_server(listing("a&amp;b &lt;ü&gt;")) as server:
        (blob,) = list_all(store_on(server))
    assert (blob.name, blob.size, blob.etag) == ("a&b <ü>", 3, "0x8D1")
    assert blob.md5 == "kAFQmDzST7DWlj99KOF/cg=="


def test_name_that_xml_cannot_hold_is_decoded():
    with scripted_server(listing("a%EF%BF%BE", encoded=True)) as server:
        (blob,) = list_all(store_on(server))
    assert blob.name == "a\ufffe"


def test_every_request_pins_the_service_version():
    with scripted_server(listing("a")) as server:
        list_all(store_on(server, api_version="2018-11-09"))
    assert server.requests[0][1]["x-ms-version"] == "2018-11-09"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a b/ü", "/account/box/a%20b/%C3%BC"),
        ("100%?#&", "/account/box/100%25%3F%23%26"),
        ("x~", "/account/box/x~"),
    ],
)
def test_blob_names_are_encoded_in_the_path(name, path):
    with scripted_server(Answer(body=b"abc")) as server:
        assert read_part(store_on(server), name) == b"abc"
    target, headers = server.requests[0]
    assert target == f"{path}?{SAS}"
    assert headers["If-Match"] == '"0x8D1"'


@pytest.mark.parametrize(
    "trouble", [error(500, "InternalError"), error(503, "ServerBusy"), error(429, "TooMany")]
)
def test_passing_trouble_is_retried(trouble):
    with scripted_server(trouble, Answer(body=b"abc")) as server:
        assert read_part(store_on(server)) == b"abc"


def test_retry_after_of_the_store_is_kept():
    pauses = []
    with scripted_server(error(503, "ServerBusy", **{"Retry-After": "7"}), Answer(body=b"abc")) as server:
        read_part(store_on(server, pauses))
    assert pauses == [pytest.approx(7.0, abs=0.5)]


@pytest.mark.parametrize("tenth", range(10))
def test_connection_that_breaks_at_any_tenth_costs_only_what_was_missing(tenth):
    content = bytes(range(250)) * 40
    with ranged_blobs(b=content) as box:
        box.trouble = lambda asked: Trouble(cut_after=1000 * tenth) if asked.number == 0 else None
        assert read_ranged(box, "b") == content
        assert box.sent_bytes == len(content)


def test_connection_that_breaks_again_and_again_is_gone_on_with_at_a_walk_as_long_as_bytes_come():
    with ranged_blobs(b=b"0123456789" * 10) as box:
        box.trouble = lambda _: Trouble(cut_after=7)
        part = read_part(store_on(box, pauses := []), "b", 100, box.etag("b"))
    assert part == b"0123456789" * 10
    assert pauses == pytest.approx([1.0] * 14, abs=0.5)


def test_connection_that_breaks_before_the_first_byte_is_given_up_in_the_end():
    with ranged_blobs(b=b"abc") as box:
        box.trouble = lambda _: Trouble(cut_after=0)
        with pytest.raises(StepError) as caught:
            read_ranged(box, "b")
    assert caught.value.kind == "StoreUnavailable"


def test_part_of_a_blob_is_asked_for_as_a_range():
    with ranged_blobs(b=b"0123456789") as box:
        assert read_ranged(box, "b", offset=3, length=4) == b"3456"
    assert (box.asked[0].start, box.asked[0].end) == (3, 7)


def test_server_that_sends_another_part_is_not_believed():
    with ranged_blobs(b=b"0123456789") as box:
        box.trouble = lambda _: Trouble(ignores_range=True)
        with pytest.raises(StepError) as caught:
            read_ranged(box, "b", offset=3, length=4)
    assert caught.value.kind == "StoreUnavailable"
    assert "an answer of other bytes than were asked for" in caught.value.message


def test_half_of_another_part_is_not_taken_for_a_half_of_the_right_one():
    troubles = [Trouble(ignores_range=True, cut_after=2), None]
    with ranged_blobs(b=b"0123456789") as box:
        box.trouble = lambda asked: troubles[asked.number]
        assert read_ranged(box, "b", offset=3, length=4) == b"3456"


@pytest.mark.parametrize("cut_after", [None, 2], ids=["whole", "broken"])
def test_bytes_of_another_version_are_refused_where_if_match_is_not_heeded(cut_after):
    answer = Answer(body=b"abd", headers={"ETag": '"0x8D2"'}, cut_after=cut_after)
    with scripted_server(answer, Answer(body=b"abc")) as server, pytest.raises(StepError) as caught:
        read_part(store_on(server))
    assert caught.value.kind == "DataChanged"
    assert "'b' in box was replaced" in caught.value.message


@pytest.mark.parametrize("etag", ['"0x8D1"', "0x8D1", 'W/"0x8D1"'])
def test_etag_is_the_same_however_it_is_spelled(etag):
    with scripted_server(Answer(body=b"abc", headers={"ETag": etag})) as server:
        assert read_part(store_on(server)) == b"abc"


@pytest.mark.parametrize("content", [b"ab", b"abcd", b""], ids=["shorter", "longer", "empty"])
def test_blob_of_another_size_is_refused_with_both_sizes(content):
    with scripted_server(Answer(body=content)) as server, pytest.raises(StepError) as caught:
        read_part(store_on(server))
    assert caught.value.kind == "DataCorrupt"
    assert f"has {len(content)} bytes, expected 3" in caught.value.message


def test_range_beyond_the_end_means_that_the_blob_is_shorter():
    with scripted_server(error(416, "InvalidRange")) as server, pytest.raises(StepError) as caught:
        read_part(store_on(server))
    assert caught.value.kind == "DataCorrupt"


def test_empty_blob_is_read():
    with ranged_blobs(b=b"") as box:
        assert read_ranged(box, "b") == b""


def test_listing_that_is_cut_off_is_asked_for_again():
    with scripted_server(Answer(body=listing("a").body[:80], headers=DURING), listing("a")) as server:
        assert [blob.name for blob in list_all(store_on(server))] == ["a"]


def test_proxy_is_named_when_the_store_cannot_be_reached_through_it():
    with scripted_server(error(500, "InternalError")) as server, pytest.raises(StepError) as caught:
        read_part(store_on(server, proxy="http://proxy.test:3128"))
    assert "the store and its network, and the proxy http://proxy.test:3128, whose" in caught.value.message


def test_store_that_never_answers_well_is_unavailable():
    pauses = []
    with scripted_server(error(500, "InternalError")) as server, pytest.raises(StepError) as caught:
        read_part(store_on(server, pauses))
    assert caught.value.kind == "StoreUnavailable"
    assert "in 3 tries (500 InternalError)" in caught.value.message
    assert pauses == pytest.approx([1.0, 2.0], abs=0.5)


def test_store_that_is_not_there_is_unavailable():
    with scripted_server(Answer()) as server:
        store = store_on(server, pauses := [])
    with pytest.raises(StepError, match="did not answer in 3 tries") as caught:
        read_part(store)
    assert "check the host in the site's blob connection, the store and its network" in caught.value.message
    assert caught.value.kind == "StoreUnavailable"
    assert len(pauses) == 2


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (
            error(412, "ConditionNotMet"),
            "DataChanged",
            "'b' in box was replaced or deleted after the snapshot",
        ),
        (error(404, "BlobNotFound"), "DataChanged", "'b' in box was replaced or deleted after the snapshot"),
        (
            error(404, "ContainerNotFound"),
            "StoreRefused",
            "does not exist; correct `container` in the DAG file",
        ),
        (
            error(400, "InvalidHeaderValue"),
            "StoreRefused",
            "refuses version 2019-02-02 of the service; set api_version",
        ),
        (
            error(403, "AuthenticationFailed"),
            "StoreRefused",
            "put the account's present key into the blob connection",
        ),
        (
            error(403, "AuthorizationFailure"),
            "StoreRefused",
            "the account's network rules do not let the VM in",
        ),
        (
            error(403, "AuthorizationPermissionMismatch"),
            "StoreRefused",
            "does not allow this; put one with sp=rl",
        ),
        (error(403, "AuthorizationSourceIPMismatch"), "StoreRefused", "for other addresses (sip)"),
        (error(403, "KeyBasedAuthenticationNotPermitted"), "StoreRefused", "allow shared key access"),
        (error(403, "AccountIsDisabled"), "StoreRefused", "the account is disabled"),
        (error(404, "ResourceNotFound"), "StoreRefused", "check the account in the host"),
        (error(409, "BlobArchived"), "StoreRefused", "409 BlobArchived"),
        (
            error(403, "AuthenticationFailed", Date="Mon, 31 Dec 2012 23:59:59 GMT"),
            "StoreRefused",
            "valid from 2013-01-01T00:00:00Z and the store's clock says 2012-12-31T23:59:59Z",
        ),
    ],
)
def test_refusal_is_one_sentence_with_its_remedy_and_without_the_signature(answer, kind, words):
    with scripted_server(answer) as server, pytest.raises(StepError) as caught:
        read_part(store_on(server))
    assert caught.value.kind == kind
    assert words in caught.value.message
    assert "SECRET" not in caught.value.message
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("st=2013-01-01&se=2014-01-01", "put the account's present key"),
        ("st=2012-01-01&se=2013-01-01", "the signature expired at 2013-01-01 and"),
        ("st=2013-01-02&se=2014-01-01", "valid from 2013-01-02 and"),
    ],
)
def test_signature_that_somebody_has_made_for_whole_days_is_explained_too(fields, words):
    """Its dates name no zone."""
    signature = Signature(f"sv=2019-02-02&{fields}&sig=SECRET", NOWHERE, NOWHERE, Waiting(patience_s=0))
    answer = error(403, "AuthenticationFailed")
    with scripted_server(answer) as server, pytest.raises(StepError) as caught:
        read_part(store_on(server, signature=signature))
    assert caught.value.kind == "StoreRefused"
    assert words in caught.value.message


def test_code_is_read_from_the_body_when_a_proxy_dropped_the_header():
    answer = error(404, "BlobNotFound")
    del answer.headers["x-ms-error-code"]
    with scripted_server(answer) as server, pytest.raises(StepError, match="replaced or deleted"):
        read_part(store_on(server))


def test_environment_changes_neither_the_way_nor_whom_is_trusted(monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, "/nowhere/ca.pem")
    with scripted_server(Answer(body=b"abc")) as server:
        assert read_part(store_on(server)) == b"abc"


def test_certificate_of_an_unknown_authority_is_refused_at_once():
    with scripted_server(Answer(body=b"abc")) as server, pytest.raises(StepError) as caught:
        read_part(store_on(server, pauses := [], ca_pem=None))
    assert caught.value.kind == "StoreRefused"
    assert "into ca_pem of the blob connection" in caught.value.message
    assert pauses == []


def test_endpoint_without_tls_is_refused_before_the_signature_is_sent():
    access = StoreAccess(
        "http://127.0.0.1:9/account", "box", Signature(SAS, NOWHERE, NOWHERE), "2019-02-02", None
    )
    with pytest.raises(StepError, match="must start with https") as caught:
        BlobStore(access)
    assert caught.value.kind == "StoreRefused"
