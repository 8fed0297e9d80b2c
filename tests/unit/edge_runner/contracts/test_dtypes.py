"""Which types fit a contract, and the form that rules compare."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from edge_runner.contracts.dtypes import normalised, type_mismatch
from edge_runner.contracts.model import Column


@pytest.mark.parametrize(
    ("logical_type", "fitting", "other"),
    [
        ("string", [pl.String(), pl.Categorical()], [pl.Binary(), pl.Int64()]),
        ("object", [pl.Struct({"a": pl.Int8()})], [pl.String()]),
        ("array", [pl.List(pl.Int8()), pl.Array(pl.Int8(), 2)], [pl.String()]),
        ("integer", [pl.Int8(), pl.UInt64()], [pl.Float64(), pl.Boolean(), pl.String()]),
        ("number", [pl.Float32(), pl.Decimal(10, 2), pl.Int16()], [pl.String(), pl.Boolean()]),
        ("boolean", [pl.Boolean()], [pl.Int8()]),
        ("date", [pl.Date()], [pl.Datetime(), pl.String()]),
        ("timestamp", [pl.Datetime("ms"), pl.Datetime("us", "UTC")], [pl.Date(), pl.Int64()]),
        ("time", [pl.Time()], [pl.Datetime()]),
        (None, [pl.Binary(), pl.List(pl.Int8())], []),
    ],
)
def test_logical_types_accept_the_types_that_hold_such_values(logical_type, fitting, other):
    described = Column("x", logical_type)
    assert [type_mismatch(described, dtype) for dtype in fitting] == [None] * len(fitting)
    for dtype in other:
        assert type_mismatch(described, dtype) == f"has column 'x' as {dtype}, expected {logical_type}"


@pytest.mark.parametrize(
    ("dtype", "shown"),
    [
        (pl.Enum(["canary"]), "Enum"),
        (pl.List(pl.Enum(["canary"])), "List(Enum)"),
        (pl.Array(pl.Enum(["canary"]), 2), "Array(Enum)"),
        (pl.List(pl.List(pl.Struct({"canary": pl.Int8()}))), "List(List(Struct))"),
        (pl.Struct({"canary": pl.Enum(["canary"])}), "Struct"),
    ],
)
def test_types_are_told_without_the_values_and_names_in_them(dtype, shown):
    assert type_mismatch(Column("x", "integer"), dtype) == f"has column 'x' as {shown}, expected integer"


def test_missing_column_physical_type_and_zone_are_told_apart():
    assert type_mismatch(Column("x", "integer"), None) == "has no column 'x'"
    assert type_mismatch(Column("x", "integer", "INT16"), pl.Int32()) == (
        "has column 'x' as Int32, expected INT16"
    )
    assert "expected a time zone" in str(
        type_mismatch(Column("x", "timestamp", has_timezone=True), pl.Datetime())
    )
    assert "expected no time zone" in str(
        type_mismatch(Column("x", "timestamp", has_timezone=False), pl.Datetime("us", "UTC"))
    )


@pytest.mark.parametrize(
    ("described", "dtype", "words"),
    [
        (Column("x", "number", "DECIMAL", (10, 2)), pl.Decimal(10, 2), None),
        (Column("x", "number", "DECIMAL", (10, 2)), pl.Decimal(12, 3), "as Decimal(precision=12, scale=3)"),
        (Column("x", None, "DOUBLE PRECISION"), pl.Float64(), None),
        (
            Column("x", "object", fields=(Column("a", "integer"),)),
            pl.Struct({"a": pl.String()}),
            "has column 'x.a' as String, expected integer",
        ),
        (
            Column("x", "object", fields=(Column("a", "integer"),)),
            pl.Struct({"b": pl.Int8()}),
            "no column 'x.a'",
        ),
        (
            Column("x", "array", item=Column("items", "string")),
            pl.List(pl.Int64()),
            "has column 'x[]' as Int64, expected string",
        ),
    ],
)
def test_sizes_and_nested_types_are_compared(described, dtype, words):
    found = type_mismatch(described, dtype)
    assert found is None if words is None else words in str(found)


def normal(values, described):
    frame = pl.DataFrame({"x": values})
    return frame.select(normalised(described, frame.schema["x"]))["x"].to_list()


def test_timestamps_are_compared_in_utc_with_and_without_a_zone():
    zoned = pl.Series([datetime(2012, 12, 31, 23, tzinfo=UTC)]).dt.convert_time_zone("Europe/Berlin")
    assert normal(zoned, Column("x", "timestamp")) == [datetime(2012, 12, 31, 23)]
    naive = pl.Series([datetime(2013, 1, 1)])
    assert normal(naive, Column("x", "timestamp")) == [datetime(2013, 1, 1)]
    assert normal(naive, Column("x", "timestamp", timezone="Europe/Berlin")) == [datetime(2012, 12, 31, 23)]


def test_local_time_that_comes_twice_is_the_earlier_and_one_that_never_comes_is_null():
    twice, never = datetime(2013, 10, 27, 2, 30), datetime(2013, 3, 31, 2, 30)
    described = Column("x", "timestamp", timezone="Europe/Berlin")
    assert normal(pl.Series([twice, never]), described) == [datetime(2013, 10, 27, 0, 30), None]


def test_categories_are_compared_as_text():
    assert normal(pl.Series(["a"], dtype=pl.Categorical()), Column("x", "string")) == ["a"]
