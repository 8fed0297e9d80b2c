"""The table of docs/reliability.md is made from the two files, and both keep what was not run again."""

from __future__ import annotations

from pathlib import Path

from tests.chaos import report
from tests.chaos.verdict import Verdict

COMPLETED = Verdict("reboot", "train_model", "the VM loses its power", "completed", 1, 1, True, 60.4)


def test_both_sides_stand_in_one_row_and_a_dash_for_what_only_one_has() -> None:
    peers = [{**COMPLETED.row(), "outcome": "never ended", "seconds": 600}]
    told = report.markdown([COMPLETED.row()], peers).splitlines()
    alone = report.markdown([], peers).splitlines()
    row = "| reboot | train_model | the VM loses its power |"
    assert told[2] == f"{row} completed, weights equal | 60 | never ended | 600 |"
    assert alone[2] == f"{row} - | - | never ended | 600 |"


def test_a_fault_that_is_run_again_replaces_its_row_only(tmp_path: Path) -> None:
    path = tmp_path / "build" / "chaos.json"
    other = Verdict("disk-full", "train_model", "no space", "completed", 1, 1, True, 1.0)
    again = Verdict("reboot", "train_model", "the VM loses its power", "WRONG: no", 0, 0, None, 2.0)
    report.write(path, [COMPLETED, other])
    report.write(path, [again])
    assert report.read(path) == [again.row(), other.row()]
