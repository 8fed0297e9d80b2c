"""Where things lie in the cache, and what makes a blob the same again."""

from __future__ import annotations

import os

from blake3 import blake3

from edge_runner.cache.layout import ABANDONED_AFTER_S, address_of, pin_of
from edge_runner.cache.partial import claim


def test_pin_differs_with_store_container_name_etag_and_size(blob):
    pins = {
        pin_of("https://one", "box", blob("a")),
        pin_of("https://two", "box", blob("a")),
        pin_of("https://one", "other", blob("a")),
        pin_of("https://one", "box", blob("b")),
        pin_of("https://one", "box", blob("a", etag="0x2")),
        pin_of("https://one", "box", blob("a", size=4)),
    }
    assert len(pins) == 6


def test_address_is_the_blake3_digest_of_the_content(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(bytes(range(256)) * 50_000)
    assert address_of(path) == blake3(path.read_bytes()).hexdigest()


def test_object_is_held_only_with_its_own_content(cache, put):
    entry = put(b"abc")
    assert cache.holds(entry.address, 3)
    assert not cache.holds(entry.address, 4)
    cache.object_path(entry.address).write_bytes(b"abd")
    assert not cache.holds(entry.address, 3)
    cache.object_path(entry.address).unlink()
    assert not cache.holds(entry.address, 3)


def test_files_of_killed_runs_are_removed_after_a_day(cache):
    old, fresh, tree = cache.new_partial(), cache.new_partial(), cache.new_partial()
    for path in (old, fresh):
        path.write_bytes(b"x")
    (tree / "train").mkdir(parents=True)
    now_s = fresh.stat().st_mtime
    for path in (old, tree):
        os.utime(path, (now_s - ABANDONED_AFTER_S - 1,) * 2)
    cache.remove_abandoned(now_s)
    assert list((cache.root / "partial").iterdir()) == [fresh]


def test_half_blob_of_long_ago_stays_while_a_run_goes_on_with_it(cache, blob):
    partial = claim(cache, "pin", blob("x"))
    path = cache.partial_path("pin")
    now_s = path.stat().st_mtime + ABANDONED_AFTER_S + 1
    cache.remove_abandoned(now_s)
    assert path.exists()
    partial.close(keep=False)
    assert not path.exists()
