"""List Blobs as stores, proxies and broken lines answer it: paging, parsing, and what is no listing."""

from __future__ import annotations

import pytest
from tests.standins.blob_server import Answer, scripted_server
from tests.unit.edge_runner.blobs.test_store import error, list_all, listing, store_on

from edge_runner.blobs.errors import PassingTrouble
from edge_runner.blobs.listing import parse_listing
from edge_runner.protocol import StepError


def entry(metadata="", properties=""):
    return (
        "<Blob><Name>a</Name><Properties><Last-Modified>x</Last-Modified><Etag>0x1</Etag><Content-Length>3"
        f"</Content-Length>{properties}</Properties><Metadata>{metadata}</Metadata></Blob>"
    )


def document(*entries, marker=""):
    blobs = "".join(entries)
    text = f"<EnumerationResults><Blobs>{blobs}</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>"
    return text.encode()


@pytest.mark.parametrize("piece_bytes", [1, 10, 1000])
def test_a_listing_is_read_wherever_a_piece_ends(monkeypatch, piece_bytes):
    monkeypatch.setattr("edge_runner.blobs.listing.PIECE_BYTES", piece_bytes)
    blobs, marker = parse_listing(listing("a", "b", "\u00fc", marker="2").body)
    assert ([blob.name for blob in blobs], marker) == (["a", "b", "\u00fc"], "2")


@pytest.mark.parametrize("kind", ["BlockBlob", "PageBlob", "AppendBlob"])
def test_blobs_of_all_types_are_listed(kind):
    (blob,), _ = parse_listing(document(entry(properties=f"<BlobType>{kind}</BlobType>")))
    assert (blob.name, blob.size, blob.md5, blob.is_folder) == ("a", 3, None, False)


@pytest.mark.parametrize(
    ("metadata", "is_folder"),
    [
        ("<hdi_isfolder>true</hdi_isfolder>", True),
        ("<other>x</other><hdi_isfolder>true</hdi_isfolder>", True),
        ("<hdi_isfolder>false</hdi_isfolder>", False),
        ("<owner>x</owner>", False),
    ],
)
def test_a_blob_that_only_stands_for_a_folder_is_told_apart(metadata, is_folder):
    (blob,), _ = parse_listing(document(entry(metadata)))
    assert blob.is_folder is is_folder


@pytest.mark.parametrize("name", ["Blob", "Name", "Etag", "Properties", "NextMarker", "EnumerationResults"])
def test_metadata_may_have_the_names_of_the_listing(name):
    blobs, marker = parse_listing(document(entry(f"<{name}>true</{name}>"), marker="2"))
    assert [(blob.name, blob.etag) for blob in blobs] == [("a", "0x1")]
    assert marker == "2"


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_listing_that_is_cut_off_is_no_shorter_listing(share):
    body = listing("a", "b").body
    with pytest.raises(PassingTrouble, match="cut off or damaged"):
        parse_listing(body[: int(len(body) * share)])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "cut off or damaged"),
        (b"<html><body>Sign in</body></html>", "no listing; a proxy may stand before the store"),
        (b"<!DOCTYPE html><html><br></html>", "cut off or damaged"),
        (b"<Error><Code>x</Code></Error>", "no listing"),
        (b"\x00\x01", "cut off or damaged"),
        (b'{"blobs": []}', "cut off or damaged"),
        (document("<Blob><Name>a</Name></Blob>"), "a blob has no Properties"),
        (document("<Blob><Name>a</Name><Properties></Properties></Blob>"), "a blob has no Content-Length"),
        (document(entry()).replace(b">3<", b">three<"), "cut off or damaged"),
    ],
)
def test_what_is_no_listing_is_not_an_empty_one(body, words):
    with pytest.raises(PassingTrouble, match=words):
        parse_listing(body)


def test_a_listing_that_trickles_is_given_up_and_asked_for_again(monkeypatch):
    """Each byte comes within the time limit of a read; all of them would take hours."""
    monkeypatch.setattr("edge_runner.blobs.http.STALLED_AFTER_S", 1)
    page = listing("a")
    trickle = Answer(body=page.body, headers=page.headers, byte_every_s=0.1)
    with scripted_server(trickle, page) as server:
        assert [blob.name for blob in list_all(store_on(server))] == ["a"]
    assert len(server.requests) == 2


def test_a_page_without_blobs_is_not_the_end():
    with scripted_server(listing("a", marker="2"), listing(marker="3"), listing("b")) as server:
        assert [blob.name for blob in list_all(store_on(server))] == ["a", "b"]


@pytest.mark.parametrize("markers", [["2", "2"], ["2", "3", "2"]])
def test_a_listing_that_goes_round_in_circles_is_given_up(markers):
    answers = [listing(f"a{place}", marker=marker) for place, marker in enumerate(markers)]
    with (
        scripted_server(*answers) as server,
        pytest.raises(StepError, match="goes round in circles") as caught,
    ):
        list_all(store_on(server))
    assert caught.value.kind == "StoreUnavailable"
    assert len(server.requests) == len(markers)


def test_a_page_whose_line_is_cut_is_asked_for_again_from_its_own_marker():
    second = listing("b", "c")
    cut = Answer(body=second.body, headers=second.headers, cut_after=len(second.body) // 2)
    with scripted_server(listing("a", marker="2"), cut, second) as server:
        assert [blob.name for blob in list_all(store_on(server))] == ["a", "b", "c"]
    assert ["marker=2" in target for target, _ in server.requests] == [False, True, True]


def test_a_store_that_only_ever_says_something_else_is_unavailable():
    with scripted_server(Answer(body=b"<html></html>")) as server, pytest.raises(StepError) as caught:
        list_all(store_on(server))
    assert caught.value.kind == "StoreUnavailable"
    assert (
        "in 3 tries (an answer that is no listing; a proxy may stand before the store)"
        in caught.value.message
    )


@pytest.mark.parametrize(
    "trouble",
    [error(500, "InternalError"), error(503, "ServerBusy"), error(429, "TooMany"), error(408, "Timeout")],
)
def test_passing_trouble_in_the_midst_of_a_listing_is_retried(trouble):
    with scripted_server(listing("a", marker="2"), trouble, listing("b")) as server:
        assert [blob.name for blob in list_all(store_on(server))] == ["a", "b"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (error(403, "AuthorizationPermissionMismatch"), "does not allow this; put one with sp=rl"),
        (error(404, "ContainerNotFound"), "does not exist; correct `container` in the DAG file"),
        (error(409, "ContainerBeingDeleted"), "it is being deleted; create it again, deliver the data"),
        (error(412, "ConditionNotMet"), "412 ConditionNotMet"),
    ],
)
def test_a_refusal_in_the_midst_of_a_listing_ends_it_at_once(answer, words):
    with scripted_server(listing("a", marker="2"), answer) as server, pytest.raises(StepError) as caught:
        list_all(store_on(server))
    assert caught.value.kind == "StoreRefused"
    assert words in caught.value.message
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("value", "pause_s"),
    [
        ("7", 7.0),
        ("Tue, 01 Jan 2013 12:00:09 GMT", 9.0),
        ("Tue, 01 Jan 2013 11:00:00 GMT", 1.0),
        ("Tue, 01 Jan 2013 12:00:09 -0000", 9.0),
        ("soon", 1.0),
        ("²", 1.0),
        ("-3", 1.0),
        ("3600", 30.0),
    ],
)
def test_the_pause_that_a_store_asks_for_is_kept_within_reason(value, pause_s):
    pauses = []
    with scripted_server(error(503, "ServerBusy", **{"Retry-After": value}), listing("a")) as server:
        list_all(store_on(server, pauses))
    assert pauses == [pause_s]
