"""The step on real Parquet files: what is refused, what is said, and what is never said."""

from __future__ import annotations

import json

import polars as pl
import pytest
from tests.unit.edge_runner.contracts.documents import column, contract

from edge_runner.protocol import Dirs, StepError
from edge_runner.steps import validate

CANARY = "canary-7f3a9c"
VOLUME = "edge-validate-0123"


@pytest.fixture
def dirs(tmp_path):
    (tmp_path / "job").mkdir()
    return Dirs(data=tmp_path / "data", job=tmp_path / "job")


def write(dirs, name, frame):
    path = dirs.data / name
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(path)
    return path


def run(dirs, text):
    return validate.run({"contract": text, "partition": "2013-02-01", "volume": VOLUME}, {}, dirs)


def refusal(dirs, text):
    with pytest.raises(StepError) as caught:
        run(dirs, text)
    return caught.value


def ints(*values):
    return pl.DataFrame({"x": pl.Series(values, dtype=pl.Int64)})


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


def test_nulls_above_the_limit_name_column_share_and_limit(dirs):
    write(dirs, "holdout/a.parquet", ints(1, None, 3, None))
    quality = [{"name": "gaps", "metric": "nullValues", "unit": "percent", "mustBeLessThan": 40}]
    error = refusal(dirs, contract(column("x", quality=quality)))
    assert error.kind == "DataRejected"
    assert error.message == (
        "The data of partition 2013-02-01 and its window breaks the contract: gaps of column x is broken by "
        "50 percent of rows, must be less than 40 percent; deliver corrected data, or change the contract."
    )
    assert error.details["rules"][0]["failed_rows"] == 2


def test_wrong_type_names_file_and_column(dirs):
    write(dirs, "train/day=1/good.parquet", ints(1))
    write(dirs, "holdout/day=2/bad.parquet", pl.DataFrame({"x": ["1"]}))
    error = refusal(dirs, contract())
    assert error.kind == "DataRejected"
    assert "the file holdout/day=2/bad.parquet has column 'x' as String, expected integer" in error.message


def test_missing_column_names_file_and_column(dirs):
    write(dirs, "holdout/a.parquet", pl.DataFrame({"y": [1]}))
    assert "the file holdout/a.parquet has no column 'x'" in refusal(dirs, contract()).message


def test_columns_that_the_contract_does_not_name_may_differ_between_files(dirs):
    write(dirs, "train/a.parquet", pl.DataFrame({"x": [1], "extra": ["text"]}))
    write(dirs, "holdout/b.parquet", pl.DataFrame({"extra": [2.5], "x": [2]}))
    assert run(dirs, contract())["rows"] == 2


def test_files_may_hold_a_logical_type_in_different_widths(dirs):
    write(dirs, "train/a.parquet", pl.DataFrame({"x": pl.Series([1], dtype=pl.Int16)}))
    write(dirs, "holdout/b.parquet", pl.DataFrame({"x": pl.Series([70000], dtype=pl.Int32)}))
    report = run(dirs, contract(column("x", logicalTypeOptions={"maximum": 70000}, unique=True)))
    assert [rule["outcome"] for rule in report["rules"]] == ["passed", "passed"]


@pytest.mark.parametrize("what", ["truncated", "no parquet", "empty"])
def test_unreadable_file_is_named(dirs, what):
    write(dirs, "train/a.parquet", ints(1))
    path = write(dirs, "holdout/b.parquet", ints(*range(1000)))
    content = path.read_bytes()
    path.write_bytes(
        {"truncated": content[: len(content) // 2], "no parquet": b"x,y\n1,2\n", "empty": b""}[what]
    )
    error = refusal(dirs, contract())
    assert error.kind == "DataRejected"
    assert "The file holdout/b.parquet is no readable Parquet file" in error.message


def test_file_with_damaged_pages_is_named(dirs):
    write(dirs, "train/a.parquet", ints(1))
    path = write(dirs, "holdout/b.parquet", pl.DataFrame({"x": pl.Series(range(100_000))}))
    content = bytearray(path.read_bytes())
    content[100:20_000] = b"\xff" * 19_900
    path.write_bytes(content)
    error = refusal(dirs, contract(column("x", logicalTypeOptions={"minimum": 0})))
    assert (error.kind, "holdout/b.parquet" in error.message) == ("DataRejected", True)


@pytest.mark.parametrize("rows", [None, 0])
def test_partition_without_rows_is_rejected(dirs, rows):
    write(dirs, "train/a.parquet", ints(1))
    if rows == 0:
        write(dirs, "holdout/b.parquet", ints())
    error = refusal(dirs, contract())
    assert (error.kind, "has no rows" in error.message) == ("DataRejected", True)


def test_file_of_another_format_is_not_left_out_in_silence(dirs):
    write(dirs, "holdout/a.parquet", ints(1))
    (dirs.data / "holdout/b.csv").write_text("x\n1\n")
    assert "The file b.csv is no .parquet file" in refusal(dirs, contract()).message


def test_markers_of_hive_and_spark_are_no_data(dirs):
    write(dirs, "holdout/a.parquet", ints(1))
    (dirs.data / "holdout/_SUCCESS").touch()
    assert run(dirs, contract())["rows"] == 1


def test_contract_that_cannot_be_checked_is_refused_before_data_is_read(dirs):
    (dirs.data / "holdout").mkdir()
    (dirs.data / "holdout/unreadable.parquet").write_bytes(b"no parquet")
    error = refusal(dirs, contract(column("x", quality=[{"metric": "medianValue", "mustBe": 0}])))
    assert error.kind == "ContractInvalid"


def test_warning_is_reported_and_does_not_end_the_run(dirs, capsys):
    write(dirs, "holdout/a.parquet", ints(1, None))
    quality = [{"metric": "nullValues", "mustBe": 0, "severity": "warning"}]
    report = run(dirs, contract(column("x", quality=quality)))
    assert report["rules"][0]["outcome"] == "warned"
    assert "warning: nullValues of column x is broken by 1 rows" in capsys.readouterr().out


def test_first_broken_rules_are_told_and_the_rest_counted(dirs):
    write(dirs, "holdout/a.parquet", ints(1, 1, None))
    options = {"minimum": 2, "exclusiveMinimum": 3, "multipleOf": 5}
    error = refusal(dirs, contract(column("x", required=True, unique=True, logicalTypeOptions=options)))
    assert "required of column x is broken by 1 rows" in error.message
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
