"""The same rows give the same sketch, and its quantiles keep the stated error."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.edge_runner.profiles.columns import measured, unhurried

from edge_runner.profiles.scales import RELATIVE_ERROR, value_of
from edge_runner.profiles.sketch import make_sketch

NUMBERS = st.lists(st.floats(-1e9, 1e9).filter(lambda x: x == 0 or abs(x) > 1e-9), min_size=1, max_size=200)


def sketch(values):
    return measured(values, pl.Float64).sketch


@unhurried
@given(NUMBERS, st.floats(0, 1))
def test_every_quantile_keeps_the_relative_error(values, share):
    rank = max(1, math.ceil(share * len(values)))
    exact = sorted(values)[rank - 1]
    found = value_of(sketch(values).key_at(rank))
    assert abs(found - exact) <= 1.01 * RELATIVE_ERROR * abs(exact)


@unhurried
@given(NUMBERS, NUMBERS)
def test_the_order_of_rows_changes_no_sketch(one, other):
    first, second = sketch([*one, *other]), sketch([*other, *one])
    assert np.array_equal(first.keys, second.keys)
    assert np.array_equal(first.counts, second.counts)


def test_a_cut_counts_the_rows_of_its_own_key_above():
    made = make_sketch(np.array([5, 1, 3, 5]), np.array([1, 10, 100, 1]))
    assert made.split([]) == [112]
    assert made.split([3, 6]) == [10, 102, 0]


def test_nulls_and_nans_are_counted_apart_from_values():
    column = measured([1.0, None, math.nan, -math.nan, 2.0, math.inf])
    assert (column.rows, column.nulls, column.nans, column.present) == (6, 1, 2, 3)
    assert column.sketch.rows == 3
