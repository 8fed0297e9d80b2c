"""What a probe makes of a store's answers; integration/data shows it to real ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from io import BytesIO
from pathlib import Path

import pytest
from tests.standins.blob_server import Answer, scripted_server
from tests.standins.certificates import certificates

from edge_runner.blobs.access import StoreAccess
from edge_runner.blobs.asking import Asker, TimedResponse
from edge_runner.blobs.http import HttpClient, Response
from edge_runner.blobs.listing import ListedBlob
from edge_runner.blobs.signature import Signature
from edge_runner.protocol import StepError
from edge_runner.steps.probe import (
    Finding,
    anonymous,
    clocks_and_pace,
    features,
    listing,
    reading,
    require_usable,
    table,
    versions,
)

NOW = datetime(2013, 2, 1, 12, 0, tzinfo=UTC)
SAS = "sv=2019-02-02&sig=SECRET"
NOWHERE = Path("/nowhere/at/all")


def answer(status=200, code="", size=0, took_s=0.01, store_ahead_s=0.0):
    response = Response(BytesIO())
    response.body.write(bytes(size))
    response.lines += [
        f"HTTP/1.1 {status} Reason\r\n".encode(),
        f"Date: {format_datetime(NOW + timedelta(seconds=store_ahead_s))}\r\n".encode(),
        f"x-ms-error-code: {code}\r\n".encode(),
    ]
    return TimedResponse(response, took_s, NOW)


def blob(name="a", size=10, md5=None):
    return ListedBlob(name, size, "0x8D1", md5, NOW)


def access_of(endpoint="https://store.test", **changes):
    known = {"api_version": "2019-02-02", "ca_pem": certificates().ca_file.read_text()}
    return StoreAccess(endpoint, "box", Signature(SAS, NOWHERE, NOWHERE), **known | changes)


def up_to(ceiling):
    """Refuses newer versions, as a Stack Hub does."""
    return lambda headers, **_: answer(400 if headers["x-ms-version"] > ceiling else 200)


@pytest.mark.parametrize(
    ("ceiling", "newest", "found", "ok"),
    [
        ("2019-02-02", "2019-02-02", ["2019-02-02 is accepted", "none is accepted"], True),
        ("2019-07-07", "2019-07-07", ["2019-02-02 is accepted", "up to 2019-07-07 are accepted"], True),
        ("2026-10-06", "2026-10-06", ["2019-02-02 is accepted", "up to 2026-10-06 are accepted"], True),
        ("2017-11-09", "2017-11-09", ["2019-02-02 is refused", "none is accepted"], False),
        ("2015-01-01", "", ["2019-02-02 is refused", "none is accepted"], False),
    ],
)
def test_the_newest_version_that_is_accepted_is_found(ceiling, newest, found, ok):
    known, findings = versions(up_to(ceiling), "2019-02-02")
    assert (known, [finding.found for finding in findings]) == (newest, found)
    assert [finding.ok for finding in findings] == [ok, None]


def test_a_listing_tells_how_many_blobs_have_a_checksum():
    findings = listing([blob(md5="x"), blob(), blob()])
    assert [finding.found for finding in findings] == ["3 blobs on the first page", "1 of 3 blobs have it"]


@pytest.mark.parametrize(
    ("part", "other", "ok"),
    [
        (answer(206, size=9), answer(412, "ConditionNotMet"), [True, True, True]),
        (answer(200, size=10), answer(412, "ConditionNotMet"), [True, False, True]),
        (answer(206, size=9), answer(206, size=9), [True, True, False]),
        (answer(403, "AuthorizationPermissionMismatch"), answer(403), [False, False, False]),
    ],
    ids=["as-it-should-be", "ranges-are-ignored", "if-match-is-ignored", "nothing-may-be-read"],
)
def test_a_part_of_the_smallest_blob_is_read_and_another_version_of_it_is_not(part, other, ok):
    asked = []

    def ask(path, headers):
        asked.append((path, headers["Range"]))
        return other if headers["If-Match"] == '"0x0"' else part

    findings = reading(ask, [blob("large", 10**9), blob("a b/ü"), blob("empty", 0)])
    assert [finding.ok for finding in findings] == ok
    assert set(asked) == {("/a%20b/%C3%BC", "bytes=1-9")}


def test_without_a_blob_nothing_is_said_of_reading():
    assert reading(None, [blob(size=0)]) == [Finding("read", "there is no blob to try it with")]


@pytest.mark.parametrize(("status", "ok"), [(200, False), (401, True), (403, True), (404, True), (409, True)])
def test_a_container_that_everybody_may_list_is_not_as_it_should_be(status, ok):
    assert anonymous(lambda query, signed: answer(200 if signed else status)).ok is ok


def test_what_a_stack_hub_lacks_is_told_from_what_is_there():
    def ask(query):
        return answer() if query["include"] == "tags" else answer(400, "InvalidQueryParameterValue")

    assert [(finding.what, finding.found) for finding in features(ask)] == [
        ("versioning", "not here (400 InvalidQueryParameterValue)"),
        ("soft delete", "not here (400 InvalidQueryParameterValue)"),
        ("tags", "can be listed"),
    ]


@pytest.mark.parametrize(
    ("ahead_s", "found", "ok"),
    [
        (0, "the store's is 0 s behind the VM's", True),
        (200, "the store's is 200 s ahead of the VM's", True),
        (-3600, "the store's is 3600 s behind the VM's", False),
        (300, "the store's is 300 s ahead of the VM's", False),
    ],
)
def test_clocks_that_differ_by_more_than_a_signature_bears_are_not_as_they_should_be(ahead_s, found, ok):
    clock, pace = clocks_and_pace([answer(took_s=took, store_ahead_s=ahead_s) for took in (0.9, 0.01, 0.02)])
    assert (clock.found, clock.ok) == (found, ok)
    assert pace.found == "20.0 ms"


def test_the_table_has_a_row_for_each_finding():
    rows = table([Finding("TLS", "fine", True), Finding("clock", "wrong", False), Finding("tags", "none")])
    assert rows.splitlines() == ["TLS    ok  fine", "clock  NO  wrong", "tags       none"]


def test_a_store_that_the_pipeline_cannot_use_is_refused_by_what_is_wrong():
    require_usable(access_of(), [Finding("TLS", "fine", True), Finding("tags", "none")])
    with pytest.raises(StepError) as caught:
        require_usable(access_of(), [Finding("clock", "wrong", False), Finding("read", "403", False)])
    assert caught.value.kind == "StoreRefused"
    assert "is not as the pipeline needs it: clock (wrong); read (403)" in caught.value.message


def asker(access):
    return Asker(access, HttpClient(access.ca_pem))


def test_a_question_is_signed_and_versioned_unless_it_shall_not_be():
    with scripted_server(Answer(body=b"abc")) as server:
        ask = asker(access_of(server.endpoint))
        signed = ask(query={"comp": "list"})
        ask("/a", headers={"x-ms-version": "2018-11-09"}, signed=False)
    assert (signed.status, signed.response.received, signed.code) == (200, 3, "200")
    (first, first_headers), (second, second_headers) = server.requests
    assert (first, first_headers["x-ms-version"]) == (f"/account/box?comp=list&{SAS}", "2019-02-02")
    assert (second, second_headers["x-ms-version"]) == ("/account/box/a?", "2018-11-09")


def test_a_store_that_does_not_answer_is_named_with_its_proxy():
    with scripted_server(Answer()) as server:
        gone = access_of(server.endpoint, proxy="http://proxy.test:3128")
    with pytest.raises(StepError) as caught:
        asker(gone)()
    assert caught.value.kind == "StoreUnavailable"
    assert "its network, and the proxy http://proxy.test:3128, whose answers" in caught.value.message


def test_a_certificate_of_an_unknown_authority_is_named():
    with scripted_server(Answer()) as server, pytest.raises(StepError, match="into ca_pem") as caught:
        asker(access_of(server.endpoint, ca_pem=None))()
    assert caught.value.kind == "StoreRefused"
