"""From files to one table: paths, schemas and formats are held against the contract first."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.edge_runner.contracts.documents import column, contract
from tests.unit.edge_runner.tables.reading import put, rows_of, table_of

from edge_runner.protocol import StepError


def parquet(folder, name, frame):
    put(folder, name, b"")
    frame.write_parquet(folder / "holdout" / name)


def refusal(folder, text):
    with pytest.raises(StepError) as caught:
        table_of(folder, text)
    return caught.value


DAY = contract(column("x"), column("day", "date"))


@pytest.mark.parametrize(
    ("described", "text", "value"),
    [
        (column("p", "date"), "2013-02-01", date(2013, 2, 1)),
        (column("p", "timestamp"), "2013-02-01 01:00:00Z", datetime(2013, 2, 1, 1)),
        (column("p", "integer", physicalType="INT16"), "-7", -7),
        (column("p", "string"), "J%20F%2FK", "J F/K"),
        (column("p", "boolean"), "true", True),
        (column("p", None), "7", "7"),
        (column("p", "date"), "__HIVE_DEFAULT_PARTITION__", None),
    ],
)
@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.jsonl"])
def test_column_that_is_not_in_a_file_is_taken_from_its_path(tmp_path, described, text, value, name):
    if name == "a.parquet":
        parquet(tmp_path, f"p={text}/{name}", pl.DataFrame({"x": [1, 2]}))
    else:
        put(tmp_path, f"p={text}/{name}", {"a.csv": "x\n1\n2\n", "a.jsonl": '{"x":1}\n{"x":2}\n'}[name])
    assert rows_of(tmp_path, contract(column("x"), described)) == [(1, value), (2, value)]


def test_each_file_has_the_value_of_its_own_path(tmp_path):
    for day in (1, 2):
        parquet(tmp_path, f"day=2013-02-0{day}/a.parquet", pl.DataFrame({"x": [day]}))
    assert rows_of(tmp_path, DAY) == [(1, date(2013, 2, 1)), (2, date(2013, 2, 2))]


def test_malformed_value_in_a_path_is_named(tmp_path):
    parquet(tmp_path, "day=2013-02-30/a.parquet", pl.DataFrame({"x": [1]}))
    assert refusal(tmp_path, DAY).message == (
        "The file holdout/day=2013-02-30/a.parquet has day=2013-02-30 in its path, expected date; "
        "correct the path."
    )


@pytest.mark.parametrize("values", [[date(2013, 2, 1), date(2013, 2, 2)], [date(2013, 2, 1), None]])
def test_file_that_contradicts_its_path_is_named(tmp_path, values):
    parquet(tmp_path, "day=2013-02-01/a.parquet", pl.DataFrame({"x": [1, 2], "day": values}))
    message = refusal(tmp_path, DAY).message
    assert "The file holdout/day=2013-02-01/a.parquet has values of day that differ from its path" in message


@pytest.mark.parametrize(
    ("kind", "text", "values"),
    [
        ("integer", "300", pl.Series([44], dtype=pl.Int8)),
        ("integer", "-1", pl.Series([255], dtype=pl.UInt8)),
        ("number", "5.5", pl.Series([5], dtype=pl.Int64)),
        (None, "a", pl.Series([5], dtype=pl.Int64)),
    ],
)
def test_path_says_what_the_type_in_the_file_cannot_hold(tmp_path, kind, text, values):
    parquet(tmp_path, f"x={text}/a.parquet", pl.DataFrame({"x": values}))
    message = refusal(tmp_path, contract(column("x", kind))).message
    assert f"The file holdout/x={text}/a.parquet has values of x that differ from its path" in message


@pytest.mark.parametrize(
    ("kind", "text", "values"),
    [
        ("integer", "5", pl.Series([5], dtype=pl.Int8)),
        ("number", "0.1", pl.Series([0.1], dtype=pl.Float32)),
        ("number", "0.1", pl.Series([Decimal("0.10")])),
        ("number", "5", pl.Series([5], dtype=pl.UInt8)),
        ("integer", "__HIVE_DEFAULT_PARTITION__", pl.Series([None], dtype=pl.Int8)),
        ("timestamp", "2013-02-01T00:00", pl.Series([datetime(2013, 2, 1)], dtype=pl.Datetime("ns"))),
        ("timestamp", "2013-02-01T00:00", pl.Series([datetime(2013, 2, 1)], dtype=pl.Datetime("ms", "UTC"))),
        ("string", "5", pl.Series(["5"], dtype=pl.Categorical)),
        ("boolean", "TRUE", pl.Series([True])),
        (None, "5", pl.Series([5], dtype=pl.Int64)),
    ],
)
def test_path_and_file_agree_whatever_the_width(tmp_path, kind, text, values):
    parquet(tmp_path, f"x={text}/a.parquet", pl.DataFrame({"x": values}))
    assert len(rows_of(tmp_path, contract(column("x", kind)))) == 1


def test_damaged_file_that_has_the_column_of_its_path_is_named(tmp_path):
    path = put(tmp_path, "x=5/a.parquet", b"")
    pl.DataFrame({"x": [5] * 1000}).write_parquet(path, statistics=False)
    path.write_bytes(b"PAR1" + b"\xff" * 40 + path.read_bytes()[44:])
    message = refusal(tmp_path, contract()).message
    assert "The file holdout/x=5/a.parquet is no readable Parquet file" in message


@pytest.mark.parametrize(
    ("names", "other", "words"),
    [
        (["x", "x"], pa.array([1]), "names a column twice; name each column once."),
        (
            ["x", "canary"],
            pa.array([1], type=pa.timestamp("us", "Nowhere/Canary")),
            "has a column of a type that cannot be read, such as an interval or a timestamp of an unknown "
            "zone; deliver it with another type.",
        ),
    ],
)
def test_whole_file_whose_columns_cannot_be_read_is_told_from_a_damaged_one(tmp_path, names, other, words):
    table = pa.Table.from_arrays([pa.array([1]), other], names=names)
    pq.write_table(table, put(tmp_path, "a.parquet", b""))
    assert refusal(tmp_path, contract()).message == f"The file holdout/a.parquet {words}"


def test_file_whose_name_looks_like_a_pattern_is_read_and_no_other_in_its_place(tmp_path):
    parquet(tmp_path, "[x].parquet", pl.DataFrame({"x": [1]}))
    parquet(tmp_path, "a*.parquet", pl.DataFrame({"x": [2]}))
    parquet(tmp_path, "a!.parquet", pl.DataFrame({"x": ["text"]}))
    message = refusal(tmp_path, contract()).message
    assert "the file holdout/a!.parquet has column 'x' as String, expected integer; deliver" in message


def test_file_that_agrees_with_its_path_is_read(tmp_path):
    parquet(tmp_path, "day=2013-02-01/a.parquet", pl.DataFrame({"x": [1], "day": [date(2013, 2, 1)]}))
    assert rows_of(tmp_path, DAY) == [(1, date(2013, 2, 1))]


def test_folders_that_name_no_column_of_the_contract_are_folders(tmp_path):
    parquet(tmp_path, "date=whatever/a.parquet", pl.DataFrame({"x": [1]}))
    assert rows_of(tmp_path, contract()) == [(1,)]


def test_drift_is_told_by_finding_with_the_files_it_is_in(tmp_path):
    for number in range(6):
        frame = pl.DataFrame({"y": [1]} if number < 4 else {"x": ["text"]})
        parquet(tmp_path, f"{number}.parquet", frame)
    parquet(tmp_path, "6.parquet", pl.DataFrame({"x": [1]}))
    error = refusal(tmp_path, contract())
    assert error.message == (
        "The data breaks its contract: 4 of 7 files have no column 'x': holdout/0.parquet, "
        "holdout/1.parquet, holdout/2.parquet and 1 more; 2 of 7 files have column 'x' as String, expected "
        "integer: holdout/4.parquet, holdout/5.parquet; deliver the files with the contract's columns and "
        "types."
    )
    assert len(error.details["findings"]) == 2


def test_many_findings_are_counted(tmp_path):
    parquet(tmp_path, "a.parquet", pl.DataFrame({"z": [1]}))
    error = refusal(tmp_path, contract(*(column(f"c{number}") for number in range(9))))
    assert "has no column 'c2' (and 6 more);" in error.message
    assert len(error.details["findings"]) == 9


@pytest.mark.parametrize(
    ("values", "others", "expected"),
    [
        (pl.Series([1], dtype=pl.Int8), pl.Series([2**40]), pl.Int64),
        (pl.Series([-1]), pl.Series([2**64 - 1], dtype=pl.UInt64), pl.Int128),
    ],
)
def test_files_may_differ_in_width_and_no_value_changes(tmp_path, values, others, expected):
    parquet(tmp_path, "a.parquet", pl.DataFrame({"x": values}))
    parquet(tmp_path, "b.parquet", pl.DataFrame({"x": others}))
    table = table_of(tmp_path, contract())
    assert table.schema == {"x": expected}
    assert table.frame().collect()["x"].to_list() == [*values, *others]


def test_timestamps_of_different_precision_keep_the_finer_one(tmp_path):
    fine = pl.Series([1_001, 1_002]).cast(pl.Datetime("ns"))
    parquet(tmp_path, "a.parquet", pl.DataFrame({"x": fine}))
    parquet(tmp_path, "b.parquet", pl.DataFrame({"x": pl.Series([1]).cast(pl.Datetime("ms"))}))
    found = table_of(tmp_path, contract(column("x", "timestamp"))).frame().collect()["x"]
    assert found.cast(pl.Int64).to_list() == [1_001, 1_002, 1_000_000]


def test_split_can_be_scanned_for_itself(tmp_path):
    parquet(tmp_path, "a.parquet", pl.DataFrame({"x": [1]}))
    (tmp_path / "train").mkdir()
    pl.DataFrame({"x": [2, 3]}).write_parquet(tmp_path / "train/b.parquet")
    table = table_of(tmp_path, contract())
    assert table.frame("train").collect().rows() == [(2,), (3,)]
    assert (table.rows("train"), table.rows("holdout"), table.rows("other")) == (2, 1, 0)
