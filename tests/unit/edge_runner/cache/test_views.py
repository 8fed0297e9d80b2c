"""Views: exactly the manifest's files, however the tree was found."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from edge_runner.cache.views import ensure_view, remove_view
from edge_runner.protocol import COMPLETE_NAME


def test_view_is_a_tree_of_links_per_split(cache, put, blob):
    entry = put(b"abc")
    ensure_view(cache, "digest", {blob("day=1/x"): entry, blob("day=2/x", split="holdout"): entry})
    view = cache.view_path("digest")
    assert (view / "train/day=1/x").samefile(cache.object_path(entry.address))
    assert (view / "holdout/day=2/x").read_bytes() == b"abc"


def test_view_has_both_splits_even_when_one_is_empty(cache, put, blob):
    ensure_view(cache, "digest", {blob("x"): put(b"abc")})
    assert {path.name for path in cache.view_path("digest").iterdir() if path.is_dir()} == {
        "holdout",
        "train",
    }


@pytest.mark.parametrize("damage", ["missing", "other content", "stranger", "missing folder"])
def test_damaged_view_is_repaired(cache, put, blob, damage):
    contents = {blob("day=1/x"): put(b"abc"), blob("y"): put(b"abcd")}
    ensure_view(cache, "digest", contents)
    train = cache.view_path("digest") / "train"
    link = train / "day=1/x"
    if damage == "stranger":
        (train / "day=1/z").write_bytes(b"not of the manifest")
    else:
        link.unlink()
    if damage == "other content":
        link.write_bytes(b"abd")
    if damage == "missing folder":
        link.parent.rmdir()
    ensure_view(cache, "digest", contents)
    assert sorted(str(path.relative_to(train)) for path in train.rglob("*") if path.is_file()) == [
        "day=1/x",
        "y",
    ]
    assert link.samefile(cache.object_path(contents[blob("day=1/x")].address))
    assert list((cache.root / "partial").iterdir()) == []


def test_view_says_when_it_was_last_complete_until_it_is_removed(cache, put, blob):
    contents, started = {blob("x"): put(b"abc")}, datetime.now(UTC)
    for _ in range(2):
        ensure_view(cache, "digest", contents)
        said = datetime.fromisoformat((cache.view_path("digest") / COMPLETE_NAME).read_text())
        assert started <= said <= datetime.now(UTC)
        started = said + timedelta(microseconds=1)
    for _ in range(2):
        remove_view(cache, "digest")
        assert not cache.view_path("digest").exists()
    assert list((cache.root / "partial").iterdir()) == []


def test_view_that_does_not_say_that_it_is_complete_says_so_once_it_is(cache, put, blob):
    contents = {blob("x"): put(b"abc")}
    ensure_view(cache, "digest", contents)
    (cache.view_path("digest") / COMPLETE_NAME).unlink()
    ensure_view(cache, "digest", contents)
    assert (cache.view_path("digest") / COMPLETE_NAME).exists()


def test_object_that_another_run_evicted_leaves_no_view(cache, put, blob):
    entry = put(b"abc")
    cache.object_path(entry.address).unlink()
    with pytest.raises(FileNotFoundError):
        ensure_view(cache, "digest", {blob("x"): entry})
    assert not cache.view_path("digest").exists()


def test_many_runs_may_build_the_same_view_at_once(cache, put, blob):
    contents = {blob(f"{number}"): put(b"%d" % number) for number in range(50)}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: ensure_view(cache, "digest", contents), range(16)))
    assert len(list((cache.view_path("digest") / "train").iterdir())) == 50
    assert list((cache.root / "partial").iterdir()) == []
