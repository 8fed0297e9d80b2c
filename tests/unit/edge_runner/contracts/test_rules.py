"""What each metric counts, and how an outcome reads."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.edge_runner.contracts.documents import column, contract

from edge_runner.contracts.compiler import Column, Limit, Metric, Rule, compile_contract
from edge_runner.contracts.rules import check_types, evaluate, normalised, type_mismatch
from edge_runner.protocol import StepError


def counted(metric, values, argument=None, dtype=None):
    frame = pl.LazyFrame({"x": pl.Series(values, dtype=dtype)})
    frame = normalised(frame, frame.collect_schema())
    _, (outcome,) = evaluate(frame, [Rule("rule", metric, ("x",), argument)])
    return outcome.counted


NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("metric", "values", "argument", "expected"),
    [
        (Metric.ROWS, [1, None], None, 2),
        (Metric.NULLS, [1, None, None], None, 2),
        (Metric.NULLS, [NAN, None], None, 1),
        (Metric.MISSING, ["", "N/A", "a", None], (None, "", "N/A"), 3),
        (Metric.MISSING, ["", "a", None], ("",), 1),
        (Metric.MISSING, [None, "a"], (None,), 1),
        (Metric.NOT_IN_SET, ["a", "b", None], ("a",), 1),
        (Metric.NOT_IN_SET, [1, 2, None], (1, 2), 0),
        (Metric.NOT_IN_SET, [1.0, 2.5, NAN], (1.0, 2.0), 2),
        (Metric.NOT_IN_SET, [1, 3], (1.0, 2.5), 1),
        (Metric.NOT_IN_SET, [True, False], (True,), 1),
        (Metric.NOT_MATCHING, ["AB", "xABx", "A", None], "^[A-Z]{2}$", 2),
        (Metric.NOT_MATCHING, ["xABx"], "AB", 0),
        (Metric.DUPLICATES, [1, 1, 1, 2, None, None], None, 2),
        (Metric.DUPLICATES, [None], None, 0),
        (Metric.BELOW, [0, 1, None], 1, 1),
        (Metric.NOT_ABOVE, [0, 1, 2], 1, 2),
        (Metric.ABOVE, [0, 1, 2], 1, 1),
        (Metric.NOT_BELOW, [0, 1, 2], 1, 2),
        (Metric.BELOW, [NAN, INFINITY, -INFINITY], 0, 2),
        (Metric.ABOVE, [NAN, INFINITY, -INFINITY], 0, 2),
        (Metric.BELOW, [Decimal("0.99"), Decimal("1.00")], 1, 1),
        (Metric.BELOW, [date(2013, 1, 1), date(2012, 12, 31)], date(2013, 1, 1), 1),
        (Metric.NO_MULTIPLE, [0, 5, 7, -10, None], 5, 1),
        (Metric.SHORTER, ["", "ü", "ab", None], 2, 2),
        (Metric.LONGER, ["üü", "abc"], 2, 1),
    ],
)
def test_metric_counts(metric, values, argument, expected):
    assert counted(metric, values, argument) == expected


def test_timestamps_are_compared_in_utc_with_and_without_a_zone():
    bound = datetime(2013, 1, 1)
    zoned = pl.Series([datetime(2012, 12, 31, 23, tzinfo=UTC)]).dt.convert_time_zone("Europe/Berlin")
    assert counted(Metric.BELOW, zoned, bound) == 1
    assert counted(Metric.BELOW, [datetime(2013, 1, 1)], bound) == 0


def test_categories_are_compared_as_text():
    assert counted(Metric.NOT_IN_SET, ["a", "b"], ("a",), pl.Categorical()) == 1


def test_duplicates_of_a_combination_leave_out_rows_with_a_null_in_it():
    frame = pl.LazyFrame({"x": [1, 1, 1, None, None], "y": [1, 1, 2, 1, 1]})
    _, (outcome,) = evaluate(frame, [Rule("key", Metric.DUPLICATES, ("x", "y"))])
    assert outcome.counted == 1


@given(st.lists(st.none() | st.integers(-50, 50)), st.integers(-50, 50))
def test_counts_agree_with_plain_python_for_any_rows(values, bound):
    present = [value for value in values if value is not None]
    expected = {
        Metric.NULLS: len(values) - len(present),
        Metric.BELOW: sum(value < bound for value in present),
        Metric.ABOVE: sum(value > bound for value in present),
        Metric.DUPLICATES: len(present) - len(set(present)),
    }
    frame = pl.LazyFrame({"x": pl.Series(values, dtype=pl.Int64)})
    rows, outcomes = evaluate(frame, [Rule("r", metric, ("x",), bound) for metric in expected])
    assert rows == len(values)
    assert [outcome.counted for outcome in outcomes] == list(expected.values())


def outcome_of(limit, values, warns_only=False):
    rule = Rule("nullValues", Metric.NULLS, ("x",), None, limit, warns_only)
    return evaluate(pl.LazyFrame({"x": pl.Series(values, dtype=pl.Int64)}), [rule])[1][0]


def test_share_is_taken_of_all_rows():
    outcome = outcome_of(Limit("mustBeLessThan", (25,), in_percent=True), [1, 2, 3, None])
    assert outcome.verdict == "failed"
    assert outcome.sentence() == (
        "nullValues of column x is broken by 25 percent of rows, must be less than 25 percent"
    )


def test_share_of_no_rows_is_zero():
    assert outcome_of(Limit("mustBe", (0,), in_percent=True), []).verdict == "passed"


def test_rule_that_warns_is_reported_as_such():
    outcome = outcome_of(Limit("mustBe", (0,), in_percent=False), [None], warns_only=True)
    assert outcome.report() == {
        "rule": "nullValues",
        "column": "x",
        "outcome": "warned",
        "failed_rows": 1,
        "measured": 1,
        "limit": "must be 0",
    }


@pytest.mark.parametrize(
    ("logical_type", "fitting", "other"),
    [
        ("string", [pl.String(), pl.Categorical()], [pl.Binary(), pl.Int64()]),
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
    described = Column("x", logical_type, None, None)
    assert [type_mismatch(described, dtype) for dtype in fitting] == [None] * len(fitting)
    for dtype in other:
        assert type_mismatch(described, dtype) == f"has column 'x' as {dtype}, expected {logical_type}"


def test_missing_column_physical_type_and_zone_are_told_apart():
    assert type_mismatch(Column("x", "integer", None, None), None) == "has no column 'x'"
    assert type_mismatch(Column("x", "integer", "INT16", None), pl.Int32()) == (
        "has column 'x' as Int32, expected INT16"
    )
    assert "expected a time zone" in str(type_mismatch(Column("x", "timestamp", None, True), pl.Datetime()))
    assert "expected no time zone" in str(
        type_mismatch(Column("x", "timestamp", None, False), pl.Datetime("us", "UTC"))
    )


@pytest.mark.parametrize(
    ("described", "words"),
    [
        (column("x", physicalType="GEOMETRY"), "physicalType 'GEOMETRY' of column 'x'"),
        (column("x", "string", logicalTypeOptions={"pattern": "(?=a)"}), "the pattern of column 'x'"),
    ],
)
def test_what_polars_does_not_know_is_an_error_before_data_is_read(described, words):
    with pytest.raises(StepError) as caught:
        check_types(compile_contract(contract(described)))
    assert caught.value.kind == "ContractInvalid"
    assert words in caught.value.message
