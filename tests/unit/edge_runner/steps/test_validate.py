"""The step on real files: which data it refuses, what it says, and what it never says."""

from __future__ import annotations

import errno
import json
from datetime import datetime

import polars as pl
import pytest
from tests.unit.edge_runner.contracts.documents import column, contract
from tests.unit.edge_runner.steps.validating import CANARY, ints, put, refusal, run, write

from edge_runner.checks import uniqueness


def test_all_rows_of_both_splits_are_checked_and_the_partition_is_counted(dirs):
    write(dirs, "train/day=1/a.parquet", ints(1, 2))
    write(dirs, "train/day=2/b c.parquet", ints(3))
    write(dirs, "holdout/day=3/a.parquet", ints(4, 5))
    report = run(dirs, contract(column("x", required=True, unique=True)))
    assert (report["rows"], report["partition_rows"]) == (5, 2)
    assert [(rule["rule"], rule["outcome"], rule["failed_rows"]) for rule in report["rules"]] == [
        ("required", "passed", 0),
        ("unique", "passed", 0),
    ]


def test_rows_of_both_splits_that_break_a_rule_are_counted_together(dirs):
    write(dirs, "train/a.parquet", ints(1, None, 9))
    write(dirs, "holdout/a.parquet", ints(9, 9, 2))
    rules = refusal(dirs, contract(column("x", required=True, logicalTypeOptions={"maximum": 5}))).details[
        "rules"
    ]
    assert [(rule["rule"], rule["failed_rows"]) for rule in rules] == [("required", 1), ("maximum", 3)]


def test_nulls_above_the_limit_name_column_share_and_limit(dirs):
    write(dirs, "holdout/a.parquet", ints(1, None, 3, None))
    quality = [{"name": "gaps", "metric": "nullValues", "unit": "percent", "mustBeLessThan": 40}]
    error = refusal(dirs, contract(column("x", quality=quality)))
    assert error.kind == "DataRejected"
    assert error.message == (
        "The data of partition 2013-02-01 and its window break the contract: gaps of column x is broken by "
        "50 percent of rows, must be less than 40 percent; such rows are kept on the VM, in the Docker "
        "volume edge-validate-0123, in work/failing_rows/01-gaps-x.parquet; deliver corrected data, or "
        "change the contract. Data that is delivered again is seen once the run is cleared from "
        "snapshot_data, which pins it."
    )
    assert pl.read_parquet(dirs.job / "failing_rows/01-gaps-x.parquet").height == 2
    assert error.details["rules"][0]["failed_rows"] == 2


@pytest.mark.parametrize("rows", [None, 0])
def test_partition_without_rows_is_rejected(dirs, rows):
    write(dirs, "train/a.parquet", ints(1))
    if rows == 0:
        write(dirs, "holdout/b.parquet", ints())
    error = refusal(dirs, contract())
    assert (error.kind, "has no rows" in error.message) == ("DataRejected", True)


def test_contract_that_cannot_be_checked_is_refused_before_data_is_read(dirs):
    (dirs.data / "holdout").mkdir(parents=True)
    (dirs.data / "holdout/unreadable.parquet").write_bytes(b"no parquet")
    error = refusal(dirs, contract(column("x", quality=[{"metric": "medianValue", "mustBe": 0}])))
    assert error.kind == "ContractInvalid"


def test_warning_is_reported_and_does_not_end_the_run(dirs, capsys):
    write(dirs, "holdout/a.parquet", ints(1, None))
    quality = [{"metric": "nullValues", "mustBe": 0, "severity": "warning"}]
    report = run(dirs, contract(column("x", quality=quality)))
    assert report["rules"][0]["outcome"] == "warned"
    assert "warning: nullValues of column x is broken by 1 row," in capsys.readouterr().out


def test_the_worst_broken_rules_are_told_and_the_rest_counted(dirs):
    write(dirs, "holdout/a.parquet", ints(1, 1, None))
    options = {"minimum": 2, "exclusiveMinimum": 3, "multipleOf": 5}
    error = refusal(dirs, contract(column("x", required=True, unique=True, logicalTypeOptions=options)))
    worst = ("exclusiveMinimum 3", "minimum 2", "multipleOf 5")
    assert (
        "; ".join(f"{rule} of column x is broken by {{}} rows, must be 0" for rule in worst).format(2, 2, 2)
        in error.message
    )
    assert "(and 2 more)" in error.message


def test_no_value_of_a_row_is_in_report_log_or_error(dirs, capsys):
    write(dirs, "holdout/a.parquet", pl.DataFrame({"x": [CANARY, CANARY, None], "n": [987654321, 1, 2]}))
    described = contract(
        column(
            "x", "string", required=True, unique=True, logicalTypeOptions={"maxLength": 3, "pattern": "^a"}
        ),
        column("n", logicalTypeOptions={"maximum": 10}),
    )
    error = refusal(dirs, described)
    said = error.message + json.dumps(error.details) + "".join(capsys.readouterr())
    assert CANARY not in said
    assert "987654321" not in said


def test_nested_types_are_held_against_the_contract(dirs):
    described = contract(column("x", "object", properties=[column("a", required=True)]))
    write(dirs, "holdout/a.parquet", pl.DataFrame({"x": [{"a": 1}, {"a": None}, None]}))
    assert "required field a of column x is broken by 1 row," in refusal(dirs, described).message
    write(dirs, "holdout/a.parquet", pl.DataFrame({"x": [{"a": "text"}]}))
    assert "has column 'x.a' as String, expected integer" in refusal(dirs, described).message


def test_timestamp_without_a_zone_is_refused_where_the_contract_asks_for_one(dirs):
    described = contract(column("x", "timestamp", logicalTypeOptions={"timezone": True}))
    write(dirs, "holdout/a.parquet", pl.DataFrame({"x": [datetime(2013, 1, 1)]}))
    assert "the file holdout/a.parquet has column 'x' as" in refusal(dirs, described).message
    assert "expected a time zone" in refusal(dirs, described).message


def test_nan_and_infinity_are_numbers_that_keep_no_bound_they_are_beyond(dirs):
    write(dirs, "holdout/a.parquet", pl.DataFrame({"x": [1.0, float("nan"), float("inf"), float("-inf")]}))
    described = column("x", "number", required=True, logicalTypeOptions={"minimum": 0, "maximum": 9})
    error = refusal(dirs, contract(described))
    assert [rule["failed_rows"] for rule in error.details["rules"]] == [0, 2, 2]


def test_what_a_try_that_was_ended_left_behind_is_removed(dirs):
    write(dirs, "holdout/a.parquet", ints(1))
    (dirs.job / "scratch/converted").mkdir(parents=True)
    run(dirs, contract())
    assert not (dirs.job / "scratch").exists()


def test_full_disk_is_not_the_datas_fault(dirs, monkeypatch):
    write(dirs, "holdout/a.parquet", ints(1))

    def full(**kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(uniqueness, "ROWS_IN_MEMORY", 0)
    monkeypatch.setattr(uniqueness.tempfile, "TemporaryDirectory", full)
    with pytest.raises(OSError, match="No space left"):
        run(dirs, contract(column("x", unique=True)))


def test_query_is_a_rule_like_any_other(dirs):
    write(dirs, "train/a.parquet", ints(1))
    write(dirs, "holdout/a.parquet", ints(987654321))
    quality = [{"name": "newest", "type": "sql", "query": "SELECT max(x) FROM {object}", "mustBeLessThan": 9}]
    error = refusal(dirs, contract(quality=quality))
    assert "newest gives a value that is not allowed, must be less than 9;" in error.message
    assert "987654321" not in error.message + json.dumps(error.details)


def test_rule_for_people_is_told_as_not_checked(dirs, capsys):
    write(dirs, "holdout/a.parquet", ints(1))
    quality = [{"type": "text", "description": "The sensors were calibrated."}]
    report = run(dirs, contract(quality=quality))
    assert report["rules"][0]["outcome"] == "not_checked"
    assert (
        "note: The sensors were calibrated. is written for people and not checked" in capsys.readouterr().out
    )


def test_nothing_but_failing_rows_and_the_report_is_left_in_the_job(dirs):
    put(dirs, "holdout/a.csv", b"x\n1\n1\n")
    refusal(dirs, contract(column("x", unique=True)))
    left = sorted(path.name for path in dirs.job.iterdir())
    assert left == ["failing_rows", "profile.json", "report.html", "report.json"]
