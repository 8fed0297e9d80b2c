"""The content-addressed cache: each content once, nothing half-written, safe for two runs at once."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from edge_runner.cache import ABANDONED_AFTER_S, Cache, pin_of
from edge_runner.manifest import ManifestBlob


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path)


def put(cache, pin, content):
    partial = cache.new_partial()
    partial.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    cache.add(pin, partial, sha256)
    return sha256


def blob(name, split="train", **changes):
    values = {"name": name, "size": 3, "etag": "0x1", "md5": None, "partition": "p", "split": split}
    return ManifestBlob(**values | changes)


def test_content_is_found_by_its_pin(cache):
    sha256 = put(cache, "aa11", b"abc")
    assert cache.find("aa11", 3) == sha256
    assert cache.object_path(sha256).read_bytes() == b"abc"


def test_equal_content_is_kept_once(cache):
    assert put(cache, "aa11", b"abc") == put(cache, "bb22", b"abc")
    assert len([path for path in (cache.root / "objects").rglob("*") if path.is_file()]) == 1


def test_unknown_pin_is_not_found(cache):
    assert cache.find("aa11", 3) is None


@pytest.mark.parametrize("damage", ["truncated", "removed"])
def test_content_that_is_not_there_in_full_length_is_not_found(cache, damage):
    path = cache.object_path(put(cache, "aa11", b"abc"))
    path.unlink()
    if damage == "truncated":
        path.write_bytes(b"a")
    assert cache.find("aa11", 3) is None


def test_pin_differs_with_store_container_name_etag_and_size():
    pins = {
        pin_of("https://one", "box", blob("a")),
        pin_of("https://two", "box", blob("a")),
        pin_of("https://one", "other", blob("a")),
        pin_of("https://one", "box", blob("b")),
        pin_of("https://one", "box", blob("a", etag="0x2")),
        pin_of("https://one", "box", blob("a", size=4)),
    }
    assert len(pins) == 6


def test_view_is_a_tree_of_links_per_split(cache):
    sha256 = put(cache, "aa11", b"abc")
    view = cache.build_view("digest", [(blob("day=1/x"), sha256), (blob("day=2/x", split="holdout"), sha256)])
    assert (view / "train/day=1/x").samefile(cache.object_path(sha256))
    assert (view / "holdout/day=2/x").read_bytes() == b"abc"


def test_view_has_both_splits_even_when_one_is_empty(cache):
    view = cache.build_view("digest", [(blob("x"), put(cache, "aa11", b"abc"))])
    assert sorted(path.name for path in view.iterdir()) == ["holdout", "train"]


@pytest.mark.parametrize("damage", ["missing", "other content"])
def test_damaged_view_is_repaired(cache, damage):
    sha256 = put(cache, "aa11", b"abc")
    contents = [(blob("day=1/x"), sha256)]
    link = cache.build_view("digest", contents) / "train/day=1/x"
    link.unlink()
    if damage == "other content":
        link.write_bytes(b"abd")
    cache.build_view("digest", contents)
    assert link.samefile(cache.object_path(sha256))


def test_many_runs_may_build_the_same_view_at_once(cache):
    contents = [(blob(f"{number}"), put(cache, f"aa{number}", b"%d" % number)) for number in range(50)]
    with ThreadPoolExecutor(8) as pool:
        views = set(pool.map(lambda _: cache.build_view("digest", contents), range(16)))
    assert len(views) == 1
    assert len(list((views.pop() / "train").iterdir())) == 50
    assert list((cache.root / "partial").iterdir()) == []


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
