"""What the stage step finds in the cache and leaves there, also beside another run."""

from __future__ import annotations

import errno
import sqlite3
import threading
import time
from contextlib import closing

import pytest
from tests.unit.edge_runner.steps.staging import LARGE, Staged

from edge_runner.cache.index import opened
from edge_runner.cache.layout import Cache
from edge_runner.cache.partial import PIECE_BYTES
from edge_runner.steps import stage


def test_nothing_is_asked_for_again(staged):
    staged.run()
    asked = len(staged.box.asked)
    value = staged.run()
    assert (value["downloaded_bytes"], value["reused_blobs"]) == (0, 3)
    assert len(staged.box.asked) == asked


@pytest.mark.parametrize("change", ["replaced", "appended", "deleted"])
def test_blob_that_changes_after_it_was_staged_changes_nothing_for_later_steps(staged, change):
    digest = staged.pin()
    staged.run(digest)
    staged.box.blobs["small"] = b"abcd" if change == "appended" else b"xyz"
    if change == "deleted":
        del staged.box.blobs["small"]
    assert staged.run(digest)["downloaded_bytes"] == 0
    assert staged.file("small").read_bytes() == b"abc"


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
