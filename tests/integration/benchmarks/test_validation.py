"""All programs that the benchmark compares do the whole work: each finds what is wrong with the same data."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from benchmarks.bench import Scratch
from benchmarks.parts import validate
from benchmarks.validation import data, limits

ROWS = 2_000
VALIDATORS = (validate.OURS, validate.PANDERA, validate.GREAT_EXPECTATIONS)


@pytest.fixture(scope="module")
def pythons(tmp_path_factory):
    return validate.interpreters(Scratch(tmp_path_factory.mktemp("bench")))


@pytest.fixture
def broken_by(pythons, tmp_path):
    """How many checks a program says are broken by data changed with an expression."""

    def count(name: str, *changes: pl.Expr, rows: int = ROWS) -> int:
        folder = tmp_path / "data"
        (folder / "holdout").mkdir(parents=True)
        data.part(0, ROWS).with_columns(*changes).write_parquet(folder / "holdout" / "a.parquet")
        return len(validate.run(pythons[name], name, folder, rows).broken)

    return count


def first(name: str, value: object) -> pl.Expr:
    """The column with its first value replaced."""
    return pl.when(pl.int_range(pl.len()) == 0).then(pl.lit(value)).otherwise(pl.col(name)).alias(name)


WRONG = {
    "a null": first("serial", None),
    "a duplicate": first("id", data.part(0, 2)["id"][1]),
    "a value below its range": first("temperature", -61.0),
    "a value above its range": first("visits", 1001),
    "a day out of range": first("day", limits.LAST_DAY + timedelta(days=1)),
    "a value that is not allowed": first("status", "odd"),
    "too many nulls": pl.when(pl.int_range(pl.len()) % 10 > 0).then("pressure").alias("pressure"),
}


@pytest.mark.parametrize("name", [*VALIDATORS, validate.DECODING])
def test_only_a_missing_row_is_found_in_good_data(name, broken_by):
    assert broken_by(name, rows=ROWS + 1) == 1


@pytest.mark.parametrize("name", VALIDATORS)
def test_everything_wrong_is_found(name, broken_by):
    assert broken_by(name, *WRONG.values()) == len(WRONG)


@pytest.mark.parametrize("name", VALIDATORS)
def test_another_type_is_found(name, broken_by):
    assert broken_by(name, pl.col("station").cast(pl.Float64)) >= 1
