"""When a partition counts as complete, and what is said when it does not become so in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from edge_runner.blobs.listing import ListedBlob, Page
from edge_runner.protocol import StepError
from edge_runner.steps.wait import Clock, look, wait_until_quiet

NOON = datetime(2013, 2, 1, 12, 0, tzinfo=UTC)
REQUEST = {
    "container": "box",
    "prefixes": ["day=1/", "day=2/"],
    "partition": "2013-02-02",
    "quiet_s": 60,
    "poll_s": 10,
    "time_limit_s": 100,
}


class StoreInTime:
    """A store whose blobs appear at given seconds; its clock may be wrong by a fixed time."""

    def __init__(self, arrivals, error=timedelta()):
        self.now_s = 0.0
        self.arrivals = arrivals
        self.error = error

    def list_pages(self, prefix):
        there = [
            ListedBlob(name, 5, "0x1", None, NOON + timedelta(seconds=at_s) + self.error)
            for name, at_s in self.arrivals.items()
            if name.startswith(prefix) and at_s <= self.now_s
        ]
        server_time = NOON + timedelta(seconds=self.now_s) + self.error
        yield Page(there[:1], "next", server_time)
        yield Page(there[1:], "", server_time)

    def sleep(self, duration_s):
        self.now_s += duration_s

    def wait(self, **changes):
        return wait_until_quiet(self, {**REQUEST, **changes}, Clock(lambda: self.now_s, self.sleep))


def test_ready_when_every_prefix_has_blobs_and_the_newest_is_old_enough():
    store = StoreInTime({"day=1/a": -500, "day=1/b": -400, "day=2/a": -60})
    arrival = store.wait()
    assert (arrival.blobs, arrival.size_bytes, store.now_s) == (3, 15, 0)


def test_waits_for_quiet_after_the_last_change():
    store = StoreInTime({"day=1/a": -500, "day=2/a": 0, "day=2/b": 25})
    assert store.wait().blobs == 3
    assert store.now_s == 90


def test_zero_quiet_needs_only_blobs():
    store = StoreInTime({"day=1/a": 0, "day=2/a": 20})
    store.wait(quiet_s=0)
    assert store.now_s == 20


def test_ages_are_taken_from_the_stores_clock():
    store = StoreInTime({"day=1/a": -61, "day=2/a": -61}, error=timedelta(days=-3))
    assert store.wait().quiet_s == 61


def test_empty_prefix_is_named_when_the_time_is_over():
    store = StoreInTime({"day=1/a": -500})
    with pytest.raises(StepError) as caught:
        store.wait()
    assert caught.value.kind == "PartitionEmpty"
    assert caught.value.message == (
        "Partition 2013-02-02 is not complete after 100 s: no blobs under day=2/ in container box; deliver "
        "the data and clear the task, or choose a partition that has data."
    )
    assert store.now_s == 100


def test_delivery_that_goes_on_is_told_from_one_that_is_missing():
    store = StoreInTime({"day=1/a": -500, "day=2/a": 95})
    with pytest.raises(StepError, match=r"newest blob changed 5 s ago and 60 s of quiet are wanted"):
        store.wait()


def test_only_some_of_many_empty_prefixes_are_listed():
    store = StoreInTime({})
    with pytest.raises(StepError, match=r"no blobs under p0, p1, p2 and 25 more in"):
        store.wait(prefixes=[f"p{number}" for number in range(28)], time_limit_s=0)


def test_a_look_counts_every_page_of_every_prefix():
    arrival = look(StoreInTime({"day=1/a": -9, "day=1/b": -8, "day=1/c": -7}), ["day=1/", "day=2/"])
    assert (arrival.blobs, arrival.empty_prefixes, arrival.quiet_s) == (3, ("day=2/",), 7)
