"""The index: what is used stays, what is damaged is set aside, and several runs may write at once."""

from __future__ import annotations

import errno
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from edge_runner.cache import index as index_module
from edge_runner.cache.index import SCHEMA, Entry, opened


def entry(address, size=1):
    return Entry(address, size, inode=7, mtime_ns=8, boot_id="boot", checked_s=9.5)


def test_what_was_recorded_is_found_by_its_pin(index):
    index.record([("pin-a", entry("a")), ("pin-b", entry("b")), ("pin-a2", entry("a"))], now_s=1)
    assert index.use(["pin-a", "pin-a2", "unknown"], now_s=2) == {"pin-a": entry("a"), "pin-a2": entry("a")}


def test_number_of_pins_has_no_limit(index):
    pins = [f"pin-{number}" for number in range(100_000)]
    index.record([(pins[5], entry("a"))], now_s=1)
    assert set(index.use(pins, now_s=2)) == {pins[5]}


def test_object_known_by_two_pins_counts_once(index):
    index.record([("one", entry("a", 10)), ("two", entry("a", 10)), ("three", entry("b", 5))], now_s=1)
    assert index.size_bytes() == 15


def test_least_recently_used_go_first_and_no_more_than_needed(index):
    for age, name in enumerate("dcba"):
        index.record([(f"pin-{name}", entry(name, 10))], now_s=age)
    index.use(["pin-d"], now_s=10)
    assert index.take_unused(cutoff_s=5, size_bytes=15) == ["c", "b"]
    assert set(index.use(["pin-a", "pin-b", "pin-c", "pin-d"], now_s=11)) == {"pin-a", "pin-d"}


def test_what_was_used_since_the_cutoff_is_never_taken(index):
    index.record([("one", entry("a", 10))], now_s=1)
    index.use(["one"], now_s=6)
    assert index.unused_bytes(cutoff_s=5) == 0
    assert index.take_unused(cutoff_s=5, size_bytes=1000) == []


def test_use_never_makes_an_object_older(index):
    index.record([("one", entry("a"))], now_s=10)
    index.use(["one"], now_s=3)
    assert index.unused_bytes(cutoff_s=9) == 0


def test_views_are_known_by_their_last_use(index):
    index.use_view("old", 1)
    index.use_view("new", 1)
    index.use_view("new", 7)
    assert [index.is_view_used_since(view, 5) for view in ("new", "old", "unknown")] == [True, False, False]


@pytest.mark.parametrize("place", [0, 4096], ids=["head", "table"])
def test_damaged_database_is_set_aside_and_a_new_one_begun(cache, place):
    with opened(cache.index_path) as index:
        index.record([("one", entry("a"))], now_s=1)
    content = bytearray(cache.index_path.read_bytes())
    content[place : place + 4096] = b"\xff" * 4096
    cache.index_path.write_bytes(content)
    with opened(cache.index_path) as index:
        assert index.use(["one"], now_s=2) == {}
        index.record([("one", entry("a"))], now_s=3)
        assert index.use(["one"], now_s=4) == {"one": entry("a")}
    assert cache.index_path.with_suffix(".damaged").is_file()


def test_disk_that_has_no_room_for_the_index_is_full(cache, monkeypatch):
    monkeypatch.setattr(index_module, "SCHEMA", f"{SCHEMA} PRAGMA max_page_count = 12;")
    with pytest.raises(OSError, match="No space left") as caught, opened(cache.index_path) as index:
        index.record([(f"pin-{number}", entry(f"{number}")) for number in range(5000)], now_s=1)
    assert caught.value.errno == errno.ENOSPC


def test_transaction_that_fails_leaves_nothing_behind(index):
    with pytest.raises(sqlite3.IntegrityError):
        index.record([("one", entry("a")), ("two", entry(None))], now_s=1)
    assert index.use(["one", "two"], now_s=2) == {}


def test_several_runs_may_write_at_once(cache):
    def record(run):
        with opened(cache.index_path) as index:
            for number in range(20):
                index.record([(f"pin-{run}-{number}", entry(f"{run}-{number}"))], now_s=1)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(record, range(4)))
    with closing(sqlite3.connect(cache.index_path)) as database:
        assert database.execute("SELECT count(*) FROM objects").fetchone() == (80,)
