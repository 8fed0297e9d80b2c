"""Which files the step reads, and what it says of those that it cannot."""

from __future__ import annotations

import gzip
import json

import polars as pl
import pytest
from tests.unit.edge_runner.contracts.documents import column, contract
from tests.unit.edge_runner.steps.validating import CANARY, ints, put, refusal, run, write


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


def test_file_of_another_format_is_not_left_out_in_silence(dirs):
    write(dirs, "holdout/a.parquet", ints(1))
    (dirs.data / "holdout/b.txt").write_text("x\n1\n")
    assert "The file holdout/b.txt is no .parquet" in refusal(dirs, contract()).message


def test_formats_are_not_mixed(dirs):
    write(dirs, "train/a.parquet", ints(1))
    (dirs.data / "holdout").mkdir()
    (dirs.data / "holdout/b.csv").write_text("x\n1\n")
    assert (
        "The data mix formats: Parquet (train/a.parquet) and CSV (holdout/b.csv)"
        in refusal(dirs, contract()).message
    )


def test_markers_of_hive_and_spark_are_no_data(dirs):
    write(dirs, "holdout/a.parquet", ints(1))
    (dirs.data / "holdout/_SUCCESS").touch()
    assert run(dirs, contract())["rows"] == 1


ROWS = b"x,y\n1,a\n2,b\n"
BAD_FILES = {
    "ragged": ("b.csv", b"x,y\n1,a\n2\n", "has 1 cell in row 3, expected 2"),
    "gzip that ends early": ("b.csv.gz", gzip.compress(ROWS)[:-5], "is no whole gzip file"),
    "cut JSON lines": ("b.jsonl", b'{"x": 1}\n{"x": 2, "y"', "has a line that is no JSON object (line 2)"),
    "another schema": ("b.csv", b"a,b\n1,2\n", "has no column 'x'"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_text_file_is_named_with_what_is_wrong(dirs, case):
    name, content, words = BAD_FILES[case]
    good = b'{"x": 1}\n' if ".jsonl" in name else ROWS
    put(dirs, f"train/a.{name.partition('.')[2]}", gzip.compress(good) if name.endswith(".gz") else good)
    put(dirs, f"holdout/{name}", content)
    error = refusal(dirs, contract(column("x"), column("y", "string")) if b"y" in good else contract())
    assert error.kind == "DataRejected"
    assert f"he file holdout/{name} {words}" in error.message


def test_cells_that_are_not_of_their_type_are_counted_by_file_and_kept_on_the_site(dirs, capsys):
    put(dirs, "train/a.csv", f"x,y\n1,a\n{CANARY},b\n".encode())
    put(dirs, "holdout/b.csv", b"x,y\n1.5,c\n3,d\n")
    error = refusal(dirs, contract(column("x"), column("y", "string")))
    assert "column x has 2 cells that are no integer (train/a.csv: 1, holdout/b.csv: 1)" in error.message
    assert "in work/failing_rows/01-type-x.parquet" in error.message
    assert error.details["rules"][0]["rule"] == "type"
    kept = pl.read_parquet(dirs.job / "failing_rows/01-type-x.parquet")
    assert kept.rows() == [(CANARY, "b", "train/a.csv"), ("1.5", "c", "holdout/b.csv")]
    assert CANARY not in error.message + json.dumps(error.details) + "".join(capsys.readouterr())


def test_file_of_ten_thousand_columns_is_read_for_those_of_the_contract(dirs):
    write(dirs, "holdout/a.parquet", pl.DataFrame({f"c{number}": [number] for number in range(10_000)}))
    assert run(dirs, contract(column("c9999", required=True)))["rows"] == 1


def test_csv_file_of_ten_thousand_columns_is_read_for_those_of_the_contract(dirs):
    names = [f"c{number}" for number in range(10_000)]
    put(dirs, "holdout/a.csv", "\n".join([",".join(names), ",".join("1" for _ in names), ""]).encode())
    assert run(dirs, contract(column("c9999", required=True)))["rows"] == 1


def test_column_of_the_path_is_checked_like_any_other(dirs):
    write(dirs, "train/x=1/a.parquet", pl.DataFrame({"y": [1]}))
    write(dirs, "holdout/x=7/a.parquet", pl.DataFrame({"y": [1, 2]}))
    error = refusal(dirs, contract(column("x", logicalTypeOptions={"maximum": 5}), column("y")))
    assert "maximum 5 of column x is broken by 2 rows" in error.message


@pytest.mark.parametrize("name", ["a[1].parquet", "a*.parquet", "a?'b.parquet", "x=1/ü {a}.parquet"])
def test_names_that_look_like_patterns_are_names(dirs, name):
    write(dirs, f"holdout/{name}", ints(1, 1))
    write(dirs, "holdout/a1.parquet", ints(2))
    quality = [{"type": "sql", "query": "SELECT count(*) FROM {object}", "mustBe": 3}]
    error = refusal(dirs, contract(column("x", unique=True), quality=quality))
    assert [rule["failed_rows"] for rule in error.details["rules"]] == [0, 1]
    kept = pl.read_parquet(dirs.job / "failing_rows/02-unique-x.parquet")
    assert set(kept["edge_file"]) == {f"holdout/{name}"}


def test_contract_of_columns_that_are_all_in_the_path_counts_every_row(dirs):
    write(dirs, "holdout/p=7/a.parquet", ints(1, 2, 3))
    report = run(dirs, contract(column("p"), quality=[{"metric": "rowCount", "mustBe": 3}]))
    assert (report["rows"], report["rules"][0]["outcome"]) == (3, "passed")


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_text_file_without_a_column_of_the_contract_counts_every_row(dirs, name):
    put(dirs, f"holdout/p=7/{name}", {"a.csv": b"x\n1\n2\n", "a.jsonl": b'{"x":1}\n{"x":2}\n'}[name])
    assert run(dirs, contract(column("p")))["rows"] == 2
