"""A power cut leaves the newest record empty and the raw log short."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.chaos.faults.machine import TORN_BYTES, tear
from tests.chaos.scene import MomentMissed

from edge_runner.protocol import LOG_NAME, WORK_NAME


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A job's volume with two owners."""
    (tmp_path / "owners").mkdir()
    for age_s, name in enumerate(("new.json", "old.json")):
        record = tmp_path / "owners" / name
        record.write_text("{}")
        os.utime(record, (0, 1000 - age_s))
    (tmp_path / WORK_NAME).mkdir()
    (tmp_path / WORK_NAME / LOG_NAME).write_bytes(b"x" * 100)
    return tmp_path


def test_the_newest_record_and_the_end_of_the_log_are_lost(volume: Path) -> None:
    tear(volume, "owners/*.json")
    assert (volume / "owners" / "new.json").read_text() == ""
    assert (volume / "owners" / "old.json").read_text() == "{}"
    assert (volume / WORK_NAME / LOG_NAME).stat().st_size == 100 - TORN_BYTES


def test_a_log_shorter_than_what_is_lost_is_empty(volume: Path) -> None:
    (volume / WORK_NAME / LOG_NAME).write_bytes(b"x")
    tear(volume, "owners/*.json")
    assert (volume / WORK_NAME / LOG_NAME).stat().st_size == 0


def test_a_record_that_is_not_there_cannot_be_torn(volume: Path) -> None:
    with pytest.raises(MomentMissed):
        tear(volume, "starts.json")
