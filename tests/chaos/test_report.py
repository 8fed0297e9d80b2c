"""The table of docs/reliability.md is made from the two files; a run of a few faults keeps older rows."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.chaos import report
from tests.chaos.verdict import DELETED, Verdict

COMPLETED = Verdict("reboot", "train_model", "the VM loses its power", "completed", 1, 1, True, 60.4, 1)
OTHER = Verdict("disk-full", "train_model", "no space", "completed", 1, 1, True, 1.0, 1)
AGAIN = Verdict("reboot", "train_model", "the VM loses its power", "WRONG: no", 0, 0, None, 2.0, None)


def test_both_sides_stand_in_one_row_and_a_dash_for_what_only_one_has() -> None:
    peers = [{**COMPLETED.row(), "outcome": "never ended", "seconds": 600, "tries": 4}]
    told = report.markdown([COMPLETED.row()], peers).splitlines()
    alone = report.markdown([], peers).splitlines()
    row = "| reboot | train_model | the VM loses its power |"
    assert told[2] == f"{row} completed, weights equal | 1 | 60 | never ended | 4 | 600 |"
    assert alone[2] == f"{row} - | - | - | never ended | 4 | 600 |"
    assert {line.count("|") for line in told} == {10}


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (f"failed as it should: {DELETED}", "nothing left running"),
        ("failed as it should: train_model: DiskFull", "failed with its sentence, nothing left running"),
        ("WRONG: no", "not as it should: no"),
    ],
)
def test_an_outcome_says_no_more_than_was_seen(outcome: str, words: str) -> None:
    assert report.outcome_of({"outcome": outcome}) == words


def test_a_fault_that_is_run_again_replaces_its_row_only(tmp_path: Path) -> None:
    path = tmp_path / "build" / "chaos.json"
    report.write(path, [COMPLETED, OTHER], whole=True)
    report.write(path, [AGAIN], whole=False)
    assert report.read(path) == [AGAIN.row(), OTHER.row()]


def test_a_whole_run_leaves_no_older_row(tmp_path: Path) -> None:
    path = tmp_path / "chaos.json"
    report.write(path, [COMPLETED, OTHER], whole=True)
    report.write(path, [AGAIN], whole=True)
    assert report.read(path) == [AGAIN.row()]
