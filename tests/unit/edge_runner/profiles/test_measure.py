"""What is measured of each type of column, and in how much memory."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, datetime, time
from decimal import Decimal

import polars as pl
import pytest
from tests.unit.edge_runner.profiles.columns import measured

from edge_runner.checks.row_rules import Questions
from edge_runner.profiles import measure
from edge_runner.profiles.disclosure import PUBLIC_K, RESTRICTED, K
from edge_runner.profiles.measure import MAX_CATEGORIES, measure_columns


@pytest.mark.parametrize(
    ("values", "dtype", "kind"),
    [
        ([1, 2, None], pl.Int16, "integer"),
        ([1, 2, None], pl.UInt64, "integer"),
        ([1.5, 2, None], pl.Float32, "number"),
        ([Decimal("1.5"), Decimal(2), None], pl.Decimal(9, 2), "number"),
        ([date(2013, 1, 1), date(2013, 1, 2), None], pl.Date, "date"),
        ([datetime(2013, 1, 1), datetime(2013, 1, 2), None], pl.Datetime("ns"), "timestamp"),
        ([time(1), time(2), None], pl.Time, "time"),
        (["a", "b", None], pl.String, "text"),
        ([True, False, None], pl.Boolean, "boolean"),
        ([b"a", b"b", None], pl.Binary, "other"),
        ([[1], [2], None], pl.List(pl.Int8), "other"),
        ([{"a": 1}, {"a": 2}, None], pl.Struct({"a": pl.Int8}), "other"),
        ([None, None, None], pl.Null, "other"),
    ],
)
def test_every_type_is_measured_or_counted(values, dtype, kind):
    column = measured(values, dtype)
    assert (column.kind, column.rows, column.nulls) == (kind, 3, values.count(None))
    held = column.sketch.rows if column.sketch else sum((column.categories or {}).values())
    assert held == (0 if kind == "other" else 2)


def test_categories_are_counted_by_value():
    assert measured(["a", "b", "a", None]).categories == {"a": 2, "b": 1}
    assert measured([True, True, False]).categories == {"true": 2, "false": 1}


@pytest.mark.parametrize("name", ["rows", "nulls", "distinct", "true", "key", "edge_rows", "len", "count"])
def test_columns_may_have_any_name(name):
    frame = pl.LazyFrame({name: ["a", "b", "a", None]})
    asked = {name: Questions(broken={"rule 0": pl.col(name) == "a"})}
    (column,) = measure_columns(frame, {name: None}, asked)
    found = (column.rows, column.nulls, column.categories, column.answers["rule 0"])
    assert found == (4, 1, {"a": 2, "b": 1}, 2)


def test_values_of_names_and_free_text_are_not_counted():
    column = measured([str(number) for number in range(2 * MAX_CATEGORIES)])
    assert column.categories is None
    assert column.distinct == pytest.approx(2 * MAX_CATEGORIES, rel=0.05)


@pytest.mark.parametrize(
    ("first_rows", "max_categories"),
    [(10, 5), (2, 5), (1, 2), (10, 2)],
    ids=["few", "few in a short beginning", "many but not in the beginning", "many"],
)
def test_rules_of_texts_count_alike_however_many_values_there_are(monkeypatch, first_rows, max_categories):
    monkeypatch.setattr(measure, "FIRST_ROWS", first_rows)
    monkeypatch.setattr(measure, "MAX_CATEGORIES", max_categories)
    frame = pl.LazyFrame({"x": ["a", "a", "b", "c", None, None, None]})
    asked = Questions({"null": pl.col("x").is_null(), "other": pl.col("x") != "a", "z": pl.col("x") == "z"})
    (column,) = measure_columns(frame, {"x": None}, {"x": asked})
    assert (column.rows, column.nulls) == (7, 3)
    assert {name: column.answers[name] for name in asked.broken} == {"null": 3, "other": 2, "z": 0}


@pytest.mark.parametrize(
    ("values", "classification"),
    [
        ([1, 2, None], None),
        ([1, 2, None], RESTRICTED),
        ([True, False, None], None),
        ([b"a", b"b", None], None),
    ],
)
def test_rules_of_every_kind_of_column_are_answered(values, classification):
    asked = Questions({"null": pl.col("x").is_null()}, {"newest": pl.col("x")})
    (column,) = measure_columns(pl.LazyFrame({"x": values}), {"x": classification}, {"x": asked})
    highest = max(value for value in values if value is not None)
    assert (column.answers["null"], column.answers["newest"]) == (1, highest)


def test_restricted_columns_are_only_counted_and_public_ones_not_coarse():
    restricted = measured(["a"] * 20, classification="restricted")
    assert (restricted.distinct, restricted.categories, restricted.k) == (None, None, K)
    assert measured(["a"], classification="public").k == PUBLIC_K


def test_only_the_named_columns_are_measured():
    frame = pl.LazyFrame({"x": [1], "y": [2]})
    assert [column.name for column in measure_columns(frame, {"y": None})] == ["y"]


MEASURES_RANDOM_BITS = """
import resource, sys
import numpy as np, polars as pl
from edge_runner.profiles.measure import measure_columns
folder, rows, files = sys.argv[1], 500_000, 12
for number in range(files):
    random = np.random.default_rng(number)
    bits = random.integers(0, 2**63, rows, dtype=np.uint64)
    text = pl.Series(bits).cast(pl.String)
    frame = pl.DataFrame({"bits": bits.view(np.float64), "text": text, "half": bits})
    frame.write_parquet(f"{folder}/{number}.parquet")
del bits, text, frame
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
columns = {"bits": None, "text": None, "half": None}
bits, text, _ = measure_columns(pl.scan_parquet(f"{folder}/*.parquet"), columns)
assert text.categories is None and bits.rows == rows * files
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_memory_is_bounded_whatever_the_values_are(tmp_path):
    """Random bits have as many distinct values as rows: held one by one, text and keys would need 500 MB."""
    ended = subprocess.run(
        [sys.executable, "-c", MEASURES_RANDOM_BITS, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(path for path in sys.path if path), "PATH": ""},
    )
    assert int(ended.stdout) < 200
