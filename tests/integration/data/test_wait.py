"""The wait step on a real store."""

from __future__ import annotations

import threading

import pytest

from edge_runner.protocol import StepError
from edge_training.project import Ready
from edge_training.sas import Grant


def test_prefix_without_blobs_is_named_when_the_time_is_over(box):
    box.put("day=1/a", b"abc")
    with pytest.raises(StepError, match=r"no blobs under day=2/ in container") as caught:
        box.wait("day=1/", "day=2/", time_limit_s=0.3)
    assert caught.value.kind == "PartitionEmpty"


def test_blobs_that_arrive_while_waiting_are_seen(box):
    box.put("day=1/a", b"abc")
    delivery = threading.Timer(0.5, box.put, ["day=2/a", b"defg"])
    delivery.start()
    try:
        assert box.wait("day=1/", "day=2/", time_limit_s=20) == {"blobs": 2, "size_bytes": 7}
    finally:
        delivery.join()


def test_blobs_must_be_older_than_the_wanted_quiet(box):
    box.put("day=1/a", b"abc")
    box.selection["ready"] = Ready(quiet_s=100)
    with pytest.raises(StepError, match="100 s of quiet are wanted"):
        box.wait("day=1/")
    box.selection["ready"] = Ready(quiet_s=2)
    assert box.wait("day=1/", time_limit_s=20)["blobs"] == 1


def test_container_that_does_not_exist_is_named(box):
    box.access["container"], box.signature["grant"] = "nowhere", Grant("nowhere", "l")
    with pytest.raises(StepError, match="container nowhere: it does not exist") as caught:
        box.wait("day=1/")
    assert caught.value.kind == "StoreRefused"


def test_a_marker_is_waited_for_and_is_no_data(box):
    box.selection["ready"] = Ready(marker="_SUCCESS", min_blobs=1)
    box.put("day=1/a", b"abc")
    box.put("day=1/_SUCCESS.tmp", b"")
    with pytest.raises(StepError, match=r"no _SUCCESS under day=1/ in container"):
        box.wait("day=1/")
    box.put("day=1/_SUCCESS", b"")
    box.client.delete_blob("day=1/_SUCCESS.tmp")
    assert box.wait("day=1/") == {"blobs": 1, "size_bytes": 3}


def test_a_partition_that_may_be_left_out_is(box):
    with pytest.raises(StepError, match=r"no blobs under day=1/ .*; it is left out") as caught:
        box.wait("day=1/", on_time_limit="skip")
    assert caught.value.kind == "PartitionSkipped"
