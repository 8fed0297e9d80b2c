"""The stage step on a store in trouble: exactly the manifest's bytes, or one sentence, and nothing lost."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import sqlite3
import threading
import time
from base64 import b64encode
from contextlib import closing

import pytest
from tests.standins.certificates import certificates
from tests.standins.ranged_blobs import CONTAINER, Trouble, ranged_blobs

from edge_runner.cache.index import opened
from edge_runner.cache.layout import Cache
from edge_runner.cache.partial import PIECE_BYTES
from edge_runner.manifest import digest_of_manifest, make_manifest
from edge_runner.protocol import StepError
from edge_runner.steps import stage

LARGE = random.Random(5).randbytes(3 * PIECE_BYTES + 12345)


def md5(content):
    """The Content-MD5 of some bytes."""
    return b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


class Staged:
    """A stage step on a container of the stand-in."""

    def __init__(self, box, dirs):
        self.box = box
        self.dirs = dirs

    def pin(self):
        """Write the manifest of what is in the container now; gives its digest."""
        folder = self.dirs.inputs / "snapshot"
        folder.mkdir(exist_ok=True)
        content = make_manifest(CONTAINER, map(self.box.manifest_blob, self.box.blobs)).encode()
        (folder / "manifest.json").write_bytes(content)
        return digest_of_manifest(content)

    def run(self, digest=None, **changes):
        """Stage the container as it is, or was."""
        request = {
            "endpoint": self.box.endpoint,
            "container": CONTAINER,
            "api_version": "2019-02-02",
            "ca_pem": certificates().ca_file.read_text(),
            "data_digest": digest or self.pin(),
            "parallel": 3,
            "quota_bytes": None,
            "keep_s": 3600,
        }
        return stage.run(request | changes, {"sas": "sig=SECRET"}, self.dirs)

    def refusal(self, digest=None, **changes):
        """The sentence it ends with; then there is no view."""
        with pytest.raises(StepError) as caught:
            self.run(digest, **changes)
        assert list((self.dirs.cache / "views").iterdir()) == []
        return caught.value

    def file(self, name):
        """A staged blob."""
        return next((self.dirs.cache / "views").iterdir()) / "train" / name

    def partials(self):
        """What lies half-written."""
        return list((self.dirs.cache / "partial").iterdir())


@pytest.fixture
def staged(dirs):
    with ranged_blobs(small=b"abc", empty=b"", large=LARGE) as box:
        yield Staged(box, dirs)


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


def test_nothing_is_asked_for_again(staged):
    staged.run()
    asked = len(staged.box.asked)
    value = staged.run()
    assert (value["downloaded_bytes"], value["reused_blobs"]) == (0, 3)
    assert len(staged.box.asked) == asked


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


@pytest.mark.parametrize("change", ["replaced", "appended", "deleted"])
def test_blob_that_changes_after_it_was_staged_changes_nothing_for_later_steps(staged, change):
    digest = staged.pin()
    staged.run(digest)
    staged.box.blobs["small"] = b"abcd" if change == "appended" else b"xyz"
    if change == "deleted":
        del staged.box.blobs["small"]
    assert staged.run(digest)["downloaded_bytes"] == 0
    assert staged.file("small").read_bytes() == b"abc"


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


@pytest.mark.parametrize("content", [b"abd", b"ab", None], ids=["other bytes", "cut", "gone"])
def test_damage_on_the_disk_is_found_and_mended(staged, content):
    digest = staged.pin()
    staged.run(digest)
    path = staged.file("small")
    for copy in [path, *(staged.dirs.cache / "objects").rglob("*")]:
        if copy.is_file() and copy.stat().st_ino == path.stat().st_ino:
            if content is None:
                copy.unlink()
                break
            copy.chmod(0o644)
            copy.write_bytes(content)
    value = staged.run(digest)
    assert staged.file("small").read_bytes() == b"abc"
    assert (value["repaired_blobs"], value["downloaded_bytes"]) == ((0, 0) if content is None else (1, 3))


def test_object_that_is_lost_is_brought_again(staged):
    digest = staged.pin()
    staged.run(digest)
    for path in (staged.dirs.cache / "objects").rglob("*"):
        if path.is_file():
            path.unlink()
    assert staged.run(digest)["repaired_blobs"] == 3
    assert staged.file("large").read_bytes() == LARGE


def test_index_that_is_lost_costs_a_download_and_no_second_copy(staged):
    digest = staged.pin()
    staged.run(digest)
    inode = staged.file("large").stat().st_ino
    (staged.dirs.cache / "index.sqlite").unlink()
    assert staged.run(digest)["downloaded_bytes"] == len(LARGE) + 3
    assert staged.file("large").stat().st_ino == inode


def test_disk_without_room_is_refused_before_anything_is_read(staged):
    error = staged.refusal(quota_bytes=1000)
    assert error.kind == "DiskFull"
    assert staged.box.asked == []


def test_two_runs_at_once_share_the_work(staged):
    for number in range(60):
        staged.box.blobs[f"many/{number}"] = b"%d" % number * 30_000
    digest, together, values = staged.pin(), threading.Barrier(2), []

    def run():
        together.wait()
        values.append(staged.run(digest))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [value["blobs"] for value in values] == [63, 63]
    for name, content in staged.box.blobs.items():
        assert staged.file(name).read_bytes() == content
    assert staged.partials() == []


def test_run_waits_for_what_another_is_bringing(staged):
    """The other one holds a blob's lock until we have asked for everything else."""
    digest = staged.pin()
    other = Staged(staged.box, staged.dirs)
    go_on = threading.Event()
    staged.box.trouble = lambda asked: go_on.wait(20) and None if asked.name == "large" else None
    first = threading.Thread(target=other.run, args=(digest,))
    first.start()
    second = threading.Thread(target=staged.run, args=(digest,))
    while not any(asked.name == "large" for asked in staged.box.asked):
        pass
    second.start()
    second.join(1.5)
    assert second.is_alive()
    go_on.set()
    first.join()
    second.join()
    large = [asked for asked in staged.box.asked if asked.name == "large"]
    assert len(large) == len({asked.start for asked in large})


def test_progress_is_printed_at_the_end_at_least(staged, capsys):
    staged.run()
    assert "downloaded 3 of 3 blobs, 12.6 of 12.6 MB" in capsys.readouterr().out


def test_index_knows_every_object_by_its_content(staged):
    staged.run()
    with closing(sqlite3.connect(staged.dirs.cache / "index.sqlite")) as database:
        assert database.execute("SELECT count(*), sum(size) FROM objects").fetchone() == (3, len(LARGE) + 3)


def test_object_that_another_run_evicts_in_between_is_brought_again(staged):
    staged.run()
    staged.box.blobs["late"] = b"late"
    digest = staged.pin()

    def trouble(asked):
        if asked.name == "late":
            with opened(staged.dirs.cache / "index.sqlite") as index:
                for address in index.take_unused(time.time() + 1, 2**30):
                    Cache(staged.dirs.cache).object_path(address).unlink(missing_ok=True)

    staged.box.trouble = trouble
    value = staged.run(digest)
    assert (value["blobs"], value["reused_blobs"]) == (4, 0)
    view = Cache(staged.dirs.cache).view_path(digest) / "train"
    assert {path.name: path.read_bytes() for path in view.iterdir()} == staged.box.blobs


def test_blob_that_is_whole_is_known_while_a_long_one_still_arrives(staged, monkeypatch):
    """A run that is killed then, and one that waits for it, find it."""
    monkeypatch.setattr(stage, "RECORDED_EVERY_S", 0.3)
    known = []

    def trouble(asked):
        if asked.start == 2 * PIECE_BYTES:
            time.sleep(0.4)
        if asked.start == 3 * PIECE_BYTES:
            with closing(sqlite3.connect(staged.dirs.cache / "index.sqlite")) as database:
                known.extend(database.execute("SELECT size FROM objects"))

    staged.box.blobs = {"first": LARGE[: PIECE_BYTES // 2], "large": LARGE}
    staged.box.trouble = trouble
    staged.run(parallel=1)
    assert known == [(PIECE_BYTES // 2,)]


def test_staging_ends_well_only_when_the_disk_has_all_of_it(staged, monkeypatch):
    """A training that goes on after a power cut reads what was staged before it, and does not stage again."""
    there = []

    def broken(folder):
        there.extend(path.name for path in folder.glob("views/*/train/*"))
        raise OSError(errno.EIO, "the disk is broken")

    monkeypatch.setattr("edge_runner.steps.stage.wait_until_written", broken)
    with pytest.raises(OSError, match="broken"):
        staged.run()
    assert sorted(there) == sorted(staged.box.blobs)
