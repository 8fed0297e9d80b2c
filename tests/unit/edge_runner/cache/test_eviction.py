"""Room: by age, under a quota, never of what a run may be reading."""

from __future__ import annotations

import os
import time
from typing import NamedTuple

import pytest

from edge_runner.cache import eviction
from edge_runner.cache.eviction import Budget, make_room
from edge_runner.cache.layout import Cache
from edge_runner.cache.views import ensure_view
from edge_runner.protocol import StepError

DAY_S = 86400.0


class Disk(NamedTuple):
    """What is asked of a disk."""

    free: int


@pytest.fixture
def old_and_new(cache, index, put, blob):
    """An object of ten days ago with its view, and one of just now; gives their paths and views."""
    now_s = time.time()
    made = {}
    for name, content, age_s in (("old", b"o" * 1000, 10 * DAY_S), ("new", b"n" * 1000, 0.0)):
        entry = put(content)
        index.record([(name, entry)], now_s - age_s)
        index.use_view(name, now_s - age_s)
        ensure_view(cache, name, {blob(name): entry})
        os.utime(cache.view_path(name), (now_s - age_s,) * 2)
        made[name] = cache.object_path(entry.address)
    return made


def budget(quota_bytes, keep_days=7.0, spare_bytes=0):
    return Budget(quota_bytes, keep_days * DAY_S, spare_bytes)


def test_nothing_goes_while_there_is_room(cache, index, old_and_new):
    assert make_room(cache, index, 500, budget(quota_bytes=2500)) == 0
    assert make_room(cache, index, 500, budget(quota_bytes=None)) == 0
    assert all(path.exists() for path in old_and_new.values())


def test_oldest_goes_with_its_view_when_the_quota_is_reached(cache, index, old_and_new):
    assert make_room(cache, index, 501, budget(quota_bytes=2500)) == 1000
    assert [old_and_new[name].exists() for name in ("old", "new")] == [False, True]
    assert [cache.view_path(name).exists() for name in ("old", "new")] == [False, True]


def test_what_was_used_lately_stays_and_the_sentence_says_what_to_do(cache, index, old_and_new):
    with pytest.raises(StepError) as caught:
        make_room(cache, index, 2_000_000, budget(quota_bytes=1_500_000))
    assert caught.value.kind == "DiskFull"
    assert "needs 2 MB more on the site's disk and lacks 1 MB" in caught.value.message
    assert "the cache's quota is 2 MB" in caught.value.message
    assert "was used within 7 days; free or enlarge the disk, raise the quota" in caught.value.message
    assert all(path.exists() for path in old_and_new.values())


def test_disk_that_is_nearly_full_is_seen_before_anything_is_read(cache, index, old_and_new):
    with pytest.raises(StepError) as caught:
        make_room(cache, index, 2**60, budget(quota_bytes=None))
    assert caught.value.kind == "DiskFull"
    assert "quota" not in caught.value.message.partition(", raise the quota")[0]


def test_orphans_of_killed_runs_go_when_room_is_made(cache, index, put, old_and_new):
    orphan, young = (cache.object_path(put(content).address) for content in (b"orphan", b"young"))
    os.utime(orphan, (time.time() - 2 * DAY_S,) * 2)
    make_room(cache, index, 501, budget(quota_bytes=2500))
    assert (orphan.exists(), young.exists()) == (False, True)


def test_orphans_go_before_the_disk_is_called_full(cache, index, put):
    """An index that was set aside has forgotten everything, and nothing that it knows could make room."""
    orphan = cache.object_path(put(b"orphan").address)
    os.utime(orphan, (time.time() - 2 * DAY_S,) * 2)
    with pytest.raises(StepError, match="Staging needs"):
        make_room(cache, index, 2**60, budget(quota_bytes=None))
    assert not orphan.exists()


def test_nothing_known_is_evicted_when_orphans_make_enough_room(cache, index, put, old_and_new, monkeypatch):
    orphan = cache.object_path(put(b"orphan").address)
    os.utime(orphan, (time.time() - 2 * DAY_S,) * 2)
    monkeypatch.setattr(eviction.shutil, "disk_usage", lambda _: Disk(free=0 if orphan.exists() else 1000))
    assert make_room(cache, index, 500, budget(quota_bytes=None)) == 0
    assert (orphan.exists(), old_and_new["old"].exists()) == (False, True)


def test_view_that_another_run_takes_up_meanwhile_stays(cache, index, put, blob, old_and_new):
    class Shared(Cache):
        def views(self):
            for view in super().views():
                index.use_view(view.name, time.time())
                yield view

    make_room(Shared(cache.root), index, 501, budget(quota_bytes=2500))
    assert cache.view_path("old").exists()


def test_view_that_the_index_has_forgotten_stays_while_it_is_young(cache, index, put, blob, old_and_new):
    ensure_view(cache, "unknown", {blob("x"): put(b"x")})
    make_room(cache, index, 501, budget(quota_bytes=2500))
    assert cache.view_path("unknown").exists()
