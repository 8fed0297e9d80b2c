"""CSV files: what is read, and which cells are of another type."""

from __future__ import annotations

import gzip

import pytest
from tests.unit.edge_runner.contracts.documents import column, contract
from tests.unit.edge_runner.tables.reading import put, rows_of, table_of

from edge_runner.protocol import StepError
from edge_runner.tables import opening

XY = contract(column("x"), column("y", "string"))


def test_a_compressed_file_is_known_by_its_name_in_any_case(tmp_path):
    put(tmp_path, "A.CSV.GZ", gzip.compress(b"x,y\n1,a\n"))
    assert rows_of(tmp_path, XY) == [(1, "a")]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("x,y\n1,a\n2,b\n", [(1, "a"), (2, "b")]),
        ("y,x\na,1\n", [(1, "a")]),
        ("x,extra,y\n1,z,a\n", [(1, "a")]),
        ("x,y\r\n1,a\r\n", [(1, "a")]),
        ("x,y\n1,a", [(1, "a")]),
        ("\ufeffx,y\n1,a\n", [(1, "a")]),
        ('x,y\n1,"a, ""b""\nc"\n', [(1, 'a, "b"\nc')]),
        ('x,y\n,\n1,""\n', [(None, None), (1, "")]),
        ("x,y\n1,ü€\n", [(1, "ü€")]),
        ("x,y\n\n1,a\n\n", [(1, "a")]),
        ("x,y\n", []),
    ],
)
def test_rows_are_read(tmp_path, name, content, expected):
    put(tmp_path, name, content)
    assert rows_of(tmp_path, XY) == expected


@pytest.mark.parametrize(
    "damage",
    [
        lambda packed: packed[:-4],
        lambda packed: packed[: len(packed) // 2],
        lambda packed: packed + b"garbage",
        lambda packed: packed[:20] + b"\xff" * 10 + packed[30:],
        lambda packed: b"x,y\n1,a\n",
    ],
)
def test_gzip_file_that_is_not_whole_is_refused(tmp_path, damage):
    path = put(tmp_path, "a.csv.gz", "")
    path.write_bytes(
        damage(gzip.compress("".join(f"{row},a\n" for row in range(10_000)).join(["x,y\n", ""]).encode()))
    )
    with pytest.raises(StepError) as caught:
        table_of(tmp_path, XY)
    assert caught.value.message == "The file holdout/a.csv.gz is no whole gzip file; deliver it again."


def test_gzip_file_of_several_members_is_read_to_its_end(tmp_path):
    path = put(tmp_path, "a.csv.gz", "")
    path.write_bytes(gzip.compress(b"x,y\n1,a\n") + gzip.compress(b"2,b\n"))
    assert rows_of(tmp_path, XY) == [(1, "a"), (2, "b")]


def test_cells_of_another_type_are_counted_by_column_and_file_and_kept_as_written(tmp_path):
    put(tmp_path, "a.csv", "x,y\n1,a\none,b\n")
    put(tmp_path, "b.csv", "x,y\n2.0,\n3,d\n")
    table = table_of(tmp_path, XY)
    assert table.wrong == {"x": (("holdout/a.csv", 1), ("holdout/b.csv", 1))}
    assert table.samples["x"].rows() == [("one", "b", "holdout/a.csv"), ("2.0", None, "holdout/b.csv")]


def test_no_more_rows_are_kept_as_written_than_anybody_looks_at(tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "SAMPLED_ROWS", 3)
    for name in "abc":
        put(tmp_path, f"{name}.csv", "x,y\none,a\ntwo,b\n")
    table = table_of(tmp_path, XY)
    assert sum(count for _, count in table.wrong["x"]) == 6
    assert table.samples["x"]["edge_file"].to_list() == ["holdout/a.csv"] * 2 + ["holdout/b.csv"]


def test_file_of_many_blocks_is_read_whole(tmp_path):
    rows = 400_000
    put(tmp_path, "a.csv.gz", "x,y\n" + "".join(f'{row},"{"é" * 10}\n"\n' for row in range(rows)))
    frame = table_of(tmp_path, XY).frame().collect()
    assert (frame.height, frame["x"].sum(), frame["y"].n_unique()) == (rows, rows * (rows - 1) // 2, 1)


def test_nested_column_cannot_be_in_a_csv_file(tmp_path):
    put(tmp_path, "a.csv", "x\n1\n")
    with pytest.raises(StepError) as caught:
        table_of(tmp_path, contract(column("x", "object", properties=[column("y")])))
    assert (caught.value.kind, "which CSV cannot hold" in caught.value.message) == ("ContractInvalid", True)
