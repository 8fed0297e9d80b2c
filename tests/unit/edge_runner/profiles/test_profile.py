"""What a profile tells of a column, and what not."""

from __future__ import annotations

import json
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from tests.unit.edge_runner.profiles.columns import measured

from edge_runner.profiles.profile import protected_column

RANDOM = np.random.default_rng(3)


def told(values, dtype=None, classification=None):
    return protected_column(measured(values, dtype, classification))


def test_numbers_are_told_as_bins_of_coarse_counts():
    column = told(RANDOM.normal(1000, 5, size=1_000))
    bins = column["bins"]
    assert column["type"] == "number"
    assert len(bins["counts"]) == len(bins["edges"]) + 1
    assert all(count >= 10 and count % 10 == 0 for count in bins["counts"])
    assert 985 < bins["edges"][0] < bins["edges"][-1] < 1015


def test_dates_are_told_as_bins_of_days():
    days = [date(2013, 1, 1) + timedelta(days=number % 300) for number in range(3_000)]
    edges = told(days)["bins"]["edges"]
    assert edges == sorted(edges)
    assert "2013-05-01" in edges


def test_texts_are_told_as_categories_with_the_rest_together():
    column = told(["a"] * 57 + ["b"] * 23 + [f"c{number}" for number in range(2)] * 6)
    assert (column["categories"], column["rest"]) == ([["a", 50], ["b", 20]], 10)
    assert "would be found by subtraction" in column["suppressed"]


@pytest.mark.parametrize(
    ("values", "dtype", "classification", "reason"),
    [
        ([1] * 9 + [None] * 50, pl.Int8, None, "fewer than 10 rows have a value"),
        ([None] * 50, pl.Int8, "public", "no row has a value"),
        ([f"name {number}" for number in range(500)], None, None, "too many of its values are in fewer than"),
        ([f"name {number}" for number in range(1_500)], None, None, "more than 1000 distinct values"),
        ([True] * 500 + [False] * 2, None, None, "too many of its values are in fewer than 10 rows"),
        (["a"] * 50, None, "restricted", "the contract restricts the column"),
        ([b"a"] * 50, pl.Binary, None, "values of this type are only counted"),
    ],
)
def test_what_is_not_told_has_a_reason(values, dtype, classification, reason):
    column = told(values, dtype, classification)
    assert reason in column["suppressed"]
    assert not {"bins", "categories"} & column.keys()


@pytest.mark.parametrize(
    ("nulls", "expected"), [(0, 0), (1, None), (9, None), (10, 10), (19, 10), (123, 120)]
)
def test_nulls_are_coarse_too(nulls, expected):
    assert told([1] * 50 + [None] * nulls)["nulls"] == expected


def test_public_columns_are_told_exactly():
    column = told(["a"] * 57 + ["b"] + [None] * 3, classification="public")
    assert (column["categories"], column["rest"], column["nulls"]) == ([["a", 57], ["b", 1]], 0, 3)


def test_same_rows_in_another_order_give_the_same_bytes():
    values = [*RANDOM.normal(size=5_000), None]
    shuffled = [values[number] for number in RANDOM.permutation(len(values))]
    assert json.dumps(told(values, pl.Float64)) == json.dumps(told(shuffled, pl.Float64))


@pytest.mark.parametrize(
    ("values", "distinct"), [(range(2_345), 2_300), ([str(number) for number in range(345)] * 20, 340)]
)
def test_distinct_values_are_told_with_two_digits(values, distinct):
    assert told(values)["distinct"] == distinct
