"""When a partition counts as complete, and what is said when it does not become so in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from tests.standins.blob_server import scripted_server
from tests.unit.edge_runner.blobs.test_store import listing, store_on
from tests.unit.edge_runner.contracts.documents import column, contract

from edge_runner.blobs.listing import ListedBlob, Page
from edge_runner.protocol import Dirs, StepError
from edge_runner.steps import wait
from edge_runner.steps.wait import Clock, look, require_contract, run, wait_until_ready

NOON = datetime(2013, 2, 1, 12, 0, tzinfo=UTC)
REQUEST = {
    "container": "box",
    "prefixes": ["day=1/", "day=2/"],
    "partition": "2013-02-02",
    "include": ["**"],
    "exclude": [],
    "ready": {"marker": "", "min_blobs": 1, "min_size_bytes": 0, "quiet_s": 60},
    "on_time_limit": "fail",
    "poll_s": 10,
    "time_limit_s": 100,
}


def ready(**changes):
    """What a project asks for instead of a minute of quiet."""
    return {"ready": {**REQUEST["ready"], "quiet_s": 0, **changes}}


class StoreInTime:
    """A store whose blobs appear at given seconds; its clock may be wrong by a fixed time."""

    def __init__(self, arrivals, error=timedelta(), size=5):
        self.now_s = 0.0
        self.arrivals = arrivals
        self.error = error
        self.size = size
        self.listed = []

    def list_pages(self, prefix):
        self.listed.append(prefix)
        there = [
            ListedBlob(name, self.size, "0x1", None, self.date(at_s), is_folder=name.endswith("+folder"))
            for name, at_s in self.arrivals.items()
            if name.startswith(prefix) and at_s <= self.now_s
        ]
        server_time = NOON + timedelta(seconds=self.now_s) + self.error
        yield Page(there[:1], "next", server_time)
        yield Page(there[1:], "", server_time)

    def date(self, at_s):
        return format_datetime(NOON + timedelta(seconds=at_s) + self.error, usegmt=True)

    def sleep(self, duration_s):
        self.now_s += duration_s

    def wait(self, **changes):
        return wait_until_ready(self, {**REQUEST, **changes}, Clock(lambda: self.now_s, self.sleep))


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
    store.wait(**ready())
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
    arrival = look(StoreInTime({"day=1/a": -9, "day=1/b": -8, "day=1/c": -7}), REQUEST)
    assert (arrival.blobs, arrival.lacks, arrival.quiet_s) == (3, {"no blobs": ["day=2/"]}, 7)


def test_ready_when_every_partition_has_its_marker_which_is_no_data():
    store = StoreInTime({"day=1/a": 0, "day=1/_SUCCESS": 5, "day=2/a": 0, "day=2/_SUCCESS": 25})
    assert store.wait(**ready(marker="_SUCCESS")).blobs == 2
    assert store.now_s == 30


def test_what_waits_for_markers_lists_nothing_else():
    """A look at partitions of 100,000 blobs would be 20 pages for each, every few seconds."""
    store = StoreInTime({"day=1/a": 0, "day=1/_SUCCESS": 0, "day=2/a": 0})
    with pytest.raises(StepError, match="no _SUCCESS under day=2/ in container box"):
        store.wait(**ready(marker="_SUCCESS"))
    assert set(store.listed) == {"day=1/_SUCCESS", "day=2/_SUCCESS"}


@pytest.mark.parametrize("name", ["_success", "_SUCCESS.tmp", "_SUCCESS/part", "sub/_SUCCESS"])
def test_a_marker_by_another_name_is_none(name):
    store = StoreInTime({"day=1/a": 0, f"day=1/{name}": 0})
    with pytest.raises(StepError, match="no _SUCCESS under day=1/"):
        store.wait(prefixes=["day=1/"], **ready(marker="_SUCCESS"))


def test_a_marker_alone_is_no_data():
    store = StoreInTime({"day=1/_SUCCESS": 0})
    with pytest.raises(StepError, match="no blobs under day=1/ in container box"):
        store.wait(prefixes=["day=1/"], **ready(marker="_SUCCESS"))


@pytest.mark.parametrize(
    ("changes", "at_s", "lack"),
    [
        ({"min_blobs": 2}, 20, "fewer than 2 blobs under day=2/"),
        ({"min_size_bytes": 10}, 20, "less than 10 bytes under day=2/"),
        ({"min_blobs": 2, "quiet_s": 30}, 50, "fewer than 2 blobs under day=2/"),
        ({"min_blobs": 2, "min_size_bytes": 15}, None, "less than 15 bytes under day=1/, day=2/"),
    ],
)
def test_every_partition_must_have_all_that_is_asked_for(changes, at_s, lack):
    arrivals = {"day=1/a": 0, "day=1/b": 0, "day=2/a": 0, "day=2/b": 20}
    if at_s is not None:
        store = StoreInTime(arrivals)
        store.wait(**ready(**changes))
        assert store.now_s == at_s
        del arrivals["day=2/b"]
    with pytest.raises(StepError, match=lack):
        StoreInTime(arrivals).wait(**ready(**changes))


def test_several_things_that_lack_are_all_named():
    store = StoreInTime({"day=1/a": 0})
    with pytest.raises(StepError, match="fewer than 2 blobs under day=1/ and no blobs under day=2/ in"):
        store.wait(**ready(min_blobs=2))


def test_blobs_without_bytes_are_blobs():
    assert StoreInTime({"day=1/a": -90, "day=2/a": -90}, size=0).wait().blobs == 2


def test_only_data_counts_and_only_its_changes_disturb_the_quiet():
    arrivals = {"day=1/a.csv": -90, "day=2/a.csv": -90, "day=2/_log": 0, "day=2/sub+folder": 0}
    arrival = StoreInTime(arrivals).wait(exclude=["_*"])
    assert (arrival.blobs, arrival.quiet_s) == (2, 90)
    with pytest.raises(StepError, match="no blobs under day=1/, day=2/"):
        StoreInTime(arrivals).wait(include=["*.parquet"])


def test_a_partition_that_may_be_left_out_ends_with_that():
    with pytest.raises(StepError) as caught:
        StoreInTime({"day=1/a": -500}).wait(on_time_limit="skip")
    assert caught.value.kind == "PartitionSkipped"
    assert caught.value.message == (
        "Partition 2013-02-02 is not complete after 100 s: no blobs under day=2/ in container box; it is "
        "left out; clear the task when the delivery has ended."
    )


def test_all_looks_of_a_wait_go_through_one_connection():
    answers = [listing("day=1/a"), listing(), listing("day=1/a"), listing("day=2/a")]
    with scripted_server(*answers) as server:
        request = {**REQUEST, **ready()}
        clock = Clock(lambda: 0.0, lambda _: None)
        assert wait_until_ready(store_on(server), request, clock).blobs == 2
    assert (len(server.requests), server.connections) == (4, 1)


def test_a_contract_that_cannot_be_checked_is_told_before_anything_is_waited_for(tmp_path):
    misspelt = contract(column("x", requird=True))
    with pytest.raises(
        StepError, match=r"schema\.t\.properties\.x\.requird is no key of the standard"
    ) as caught:
        run({"contract": misspelt}, {}, Dirs(job=tmp_path))
    assert caught.value.kind == "ContractInvalid"


def test_a_contract_that_can_be_checked_keeps_nobody():
    require_contract(contract(column("x")))


def test_the_check_finds_the_images_packages_and_our_code(monkeypatch, tmp_path):
    (tmp_path / "packages_of_the_image.py").write_text("")
    (tmp_path / "check.py").write_text("import packages_of_the_image, edge_runner.protocol")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(wait, "CONTRACT_CHECK", "check")
    require_contract("")


def test_a_check_that_dies_is_no_verdict(monkeypatch):
    monkeypatch.setattr(wait, "CONTRACT_CHECK", "edge_runner.no_such_module")
    with pytest.raises(RuntimeError, match="No module named"):
        require_contract(contract(column("x")))
