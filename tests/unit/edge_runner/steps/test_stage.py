"""The stage step on a store in trouble: exactly the manifest's bytes, or one sentence, and nothing lost."""

from __future__ import annotations

import hashlib
import os
import threading
from base64 import b64encode

import pytest
from tests.standins.ranged_blobs import Trouble
from tests.unit.edge_runner.steps.staging import LARGE

from edge_runner.cache.partial import PIECE_BYTES


def md5(content):
    """The Content-MD5 of some bytes."""
    return b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


def test_every_byte_arrives_once(staged):
    value = staged.run()
    assert value == {
        "blobs": 3,
        "size_bytes": len(LARGE) + 3,
        "downloaded_bytes": len(LARGE) + 3,
        "reused_blobs": 0,
        "repaired_blobs": 0,
        "evicted_bytes": 0,
    }
    assert staged.box.sent_bytes == len(LARGE) + 3
    for name, content in staged.box.blobs.items():
        assert staged.file(name).read_bytes() == content
    assert staged.partials() == []


@pytest.mark.parametrize("tenth", range(10))
def test_large_blob_arrives_whole_when_the_connection_breaks_at_any_tenth(staged, tenth):
    place = len(LARGE) * tenth // 10
    broken = threading.Event()

    def trouble(asked):
        if asked.name == "large" and asked.start <= place < asked.end and not broken.is_set():
            broken.set()
            return Trouble(cut_after=place - asked.start)
        return None

    staged.box.trouble = trouble
    staged.run()
    assert broken.is_set()
    assert staged.file("large").read_bytes() == LARGE
    assert staged.box.sent_bytes == len(LARGE) + 3


def interrupted(staged):
    """A staging that ended after two pieces of the large blob; gives the manifest's digest."""
    digest = staged.pin()
    staged.box.trouble = lambda asked: Trouble(403, "Gone") if asked.start >= 2 * PIECE_BYTES else None
    staged.refusal(digest, parallel=1)
    staged.box.trouble = lambda _: None
    return digest


def test_large_blob_is_gone_on_with_by_the_next_run(staged):
    digest = interrupted(staged)
    assert sorted(path.suffix for path in staged.partials()) == ["", ".json"]
    asked = len(staged.box.asked)
    staged.run(digest)
    assert staged.file("large").read_bytes() == LARGE
    assert [one.start for one in staged.box.asked[asked:] if one.name == "large"] == [
        2 * PIECE_BYTES,
        3 * PIECE_BYTES,
    ]
    assert staged.partials() == []


@pytest.mark.parametrize("damage", ["note of another boot", "note torn", "file shorter", "other bytes"])
def test_half_blob_that_cannot_be_relied_on_never_becomes_a_wrong_one(staged, damage):
    staged.box.md5["large"] = md5(LARGE)
    digest = interrupted(staged)
    half, note = sorted(staged.partials(), key=lambda path: path.suffix)
    if damage == "note of another boot":
        note.write_bytes(note.read_bytes().replace(b'"boot_id": "', b'"boot_id": "x'))
    elif damage == "note torn":
        note.write_bytes(note.read_bytes()[:9])
    elif damage == "file shorter":
        os.truncate(half, 1000)
    else:
        half.write_bytes(bytes(half.stat().st_size))
    if damage == "other bytes":
        assert staged.refusal(digest).kind == "DataCorrupt"
        assert staged.partials() == []
    staged.run(digest)
    assert staged.file("large").read_bytes() == LARGE


@pytest.mark.parametrize("change", ["replaced", "appended", "deleted"])
@pytest.mark.parametrize("name", ["small", "large"])
def test_blob_that_changed_after_the_snapshot_is_refused_by_name(staged, name, change):
    digest, content = staged.pin(), staged.box.blobs[name]
    staged.box.blobs |= {name: content + b"x" if change == "appended" else content[::-1]}
    if change == "deleted":
        del staged.box.blobs[name]
    error = staged.refusal(digest)
    assert error.kind == "DataChanged"
    assert f"'{name}' in box was replaced or deleted after the snapshot; clear the run" in error.message


def test_blob_that_trickles_is_asked_for_again_and_gone_on_with(staged, monkeypatch):
    """Each byte comes within the time limit of a read; all of them would take days."""
    monkeypatch.setattr("edge_runner.blobs.http.STALLED_AFTER_S", 1)
    staged.box.trouble = lambda asked: Trouble(byte_every_s=0.1) if asked.number == 0 else None
    staged.run()
    assert staged.file("large").read_bytes() == LARGE


def test_blob_that_changes_while_its_pieces_arrive_is_refused(staged):
    digest = staged.pin()

    def trouble(asked):
        if asked.name == "large" and asked.start == 2 * PIECE_BYTES:
            staged.box.blobs["large"] = LARGE[::-1]

    staged.box.trouble = trouble
    assert staged.refusal(digest).kind == "DataChanged"


@pytest.mark.parametrize("name", ["small", "large"])
def test_wrong_checksum_is_refused_with_both_and_nothing_is_kept(staged, name):
    right = staged.box.md5[name] = md5(staged.box.blobs[name])
    digest = staged.pin()
    staged.box.trouble = lambda asked: Trouble(garbled=True) if asked.name == name else None
    error = staged.refusal(digest)
    assert error.kind == "DataCorrupt"
    assert f"'{name}' has MD5 " in error.message
    assert f"expected {right}; deliver it again" in error.message
    assert not [path for path in staged.partials() if path.stat().st_size == len(staged.box.blobs[name])]


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(500, "InternalError"),
        Trouble(503, "ServerBusy", {"Retry-After": "1"}),
        Trouble(429, "TooManyRequests"),
        Trouble(408, "OperationTimedOut"),
    ],
    ids=lambda trouble: str(trouble.status),
)
def test_trouble_that_passes_is_waited_for(staged, trouble):
    staged.box.trouble = lambda asked: trouble if asked.number in (0, 3) else None
    staged.run()
    assert staged.file("large").read_bytes() == LARGE


@pytest.mark.parametrize(
    ("trouble", "kind", "words"),
    [
        (Trouble(403, "AccountIsDisabled"), "StoreRefused", "the account is disabled"),
        (Trouble(404, "ContainerNotFound"), "StoreRefused", "it does not exist"),
        (Trouble(409, "BlobArchived"), "StoreRefused", "409 BlobArchived"),
        (Trouble(400, "InvalidHeaderValue"), "StoreRefused", "refuses version 2019-02-02"),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Trouble) else None,
)
def test_refusal_ends_the_staging_with_its_remedy(staged, trouble, kind, words):
    staged.box.trouble = lambda asked: trouble if asked.name == "large" else None
    error = staged.refusal()
    assert error.kind == kind
    assert words in error.message
    assert "SECRET" not in error.message


def test_key_that_is_rotated_in_the_middle_keeps_what_has_arrived(staged):
    digest = interrupted(staged)
    assert staged.run(digest)["reused_blobs"] == 1  # the empty blob came before the large one


def test_progress_is_printed_at_the_end_at_least(staged, capsys):
    staged.run()
    assert "downloaded 3 of 3 blobs, 12.6 of 12.6 MB" in capsys.readouterr().out
