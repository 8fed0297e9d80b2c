"""What each metric counts, on every kind of value."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runner.checks.predicates import broken
from edge_runner.contracts.model import Metric, Rule


def counted(metric, values, argument=None, dtype=None):
    frame = pl.DataFrame({"x": pl.Series(values, dtype=dtype)})
    return frame.select(broken(Rule("rule", metric, ("x",), argument), frame.schema).sum()).item()


NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("metric", "values", "argument", "expected"),
    [
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
        (Metric.BELOW, [0, 1, None], 1, 1),
        (Metric.NOT_ABOVE, [0, 1, 2], 1, 2),
        (Metric.ABOVE, [0, 1, 2], 1, 1),
        (Metric.NOT_BELOW, [0, 1, 2], 1, 2),
        (Metric.BELOW, [NAN, INFINITY, -INFINITY], 0, 2),
        (Metric.ABOVE, [NAN, INFINITY, -INFINITY], 0, 2),
        (Metric.BELOW, [Decimal("0.99"), Decimal("1.00")], 1, 1),
        (Metric.BELOW, [date(2013, 1, 1), date(2012, 12, 31)], date(2013, 1, 1), 1),
        (Metric.NO_MULTIPLE, [0, 5, 7, -10, None], 5, 1),
        (Metric.NO_MULTIPLE, [0.3, 0.7, 0.25, NAN, INFINITY, None], 0.1, 3),
        (Metric.NO_MULTIPLE, [Decimal("0.30"), Decimal("0.35")], 0.1, 1),
        (Metric.NO_MULTIPLE, [1, 2, 3], 1.5, 2),
        (Metric.NO_MULTIPLE, [7_000_000.005, 123_456_789.01, 7_000_000.07], 0.01, 1),
        (Metric.NO_MULTIPLE, [2**53 + 1], 2, 1),
        (Metric.BELOW, [time(8), time(7, 59, 59)], time(8), 1),
        (Metric.NOT_IN_SET, [date(2013, 1, 1), date(2013, 1, 2), None], (date(2013, 1, 1),), 1),
        (Metric.NOT_IN_SET, [Decimal("1.50"), Decimal("2.00")], (1.5,), 1),
        (Metric.OF_ANOTHER_FORMAT, ["a@b.org", "a", None], "email", 1),
        (Metric.OF_ANOTHER_FORMAT, [".".join(["a" * 60] * 5), "a.b"], "hostname", 1),
        (Metric.OUT_OF_BITS, [-129, -128, 127, 128, None], (-128, 127), 2),
        (Metric.OUT_OF_BITS, [1e39, -1e39, 0.1, NAN, INFINITY], (-3.5e38, 3.5e38), 2),
        (Metric.NULLS, [{"a": {"b": 1}}, {"a": {"b": None}}, {"a": None}, None], ("a", "b"), 1),
        (Metric.NULLS, [{"a": 1}, {"a": None}, None], ("a",), 1),
        (Metric.FEWER_ITEMS, [[], [1], [1, 2], None], 1, 1),
        (Metric.MORE_ITEMS, [[], [1], [1, 2], None], 1, 1),
        (Metric.REPEATED_ITEMS, [[], [1, 1], [1, 2], [None, None], None], None, 2),
        (Metric.SHORTER, ["", "ü", "ab", None], 2, 2),
        (Metric.LONGER, ["üü", "abc"], 2, 1),
    ],
)
def test_metric_counts(metric, values, argument, expected):
    assert counted(metric, values, argument) == expected


@pytest.mark.parametrize(
    ("metric", "argument"),
    [
        (Metric.ABOVE, 2.0**53),
        (Metric.NOT_BELOW, 2.0**53),
        (Metric.NOT_IN_SET, (2.0**53, None)),
        (Metric.NO_MULTIPLE, 2.0),
    ],
)
def test_whole_numbers_that_a_contract_writes_as_floats_are_exact_for_integers(metric, argument):
    assert counted(metric, [2**53 + 1], argument) == 1


@pytest.mark.parametrize("dtype", [pl.Float16, pl.Float32])
@pytest.mark.parametrize(("metric", "bound"), [(Metric.ABOVE, 1e39), (Metric.BELOW, -1e39)])
def test_infinity_keeps_no_bound_that_is_beyond_its_columns_type(dtype, metric, bound):
    assert counted(metric, [1.0, INFINITY, -INFINITY], bound, dtype) == 1


def test_items_of_arrays_of_fixed_length_are_counted_as_those_of_lists():
    assert counted(Metric.MORE_ITEMS, [[1, 2], [3, 4]], 1, pl.Array(pl.Int64, 2)) == 2


@given(st.lists(st.none() | st.integers(-50, 50)), st.integers(-50, 50))
def test_counts_agree_with_plain_python_for_any_rows(values, bound):
    present = [value for value in values if value is not None]
    expected = {
        Metric.NULLS: len(values) - len(present),
        Metric.BELOW: sum(value < bound for value in present),
        Metric.ABOVE: sum(value > bound for value in present),
    }
    arguments = {Metric.NULLS: None}
    found = {metric: counted(metric, values, arguments.get(metric, bound), pl.Int64) for metric in expected}
    assert found == expected
