"""Buckets keep the order and a stated precision; edges are round and cut where they say."""

from __future__ import annotations

import math
from datetime import date, datetime, time

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.edge_runner.profiles.columns import unhurried

from edge_runner.profiles.scales import (
    NEXT_TO_ZERO,
    RELATIVE_ERROR,
    SCALES,
    key_of_number,
    roundest_number,
    value_of,
)

ROUNDING_TO_32_BITS = 2.0**-23
ORDINARY = st.floats(1e-30, 1e30) | st.floats(-1e30, -1e-30) | st.just(0.0)


def keys(kind, values, dtype):
    frame = pl.DataFrame({"x": pl.Series(values, dtype=dtype)})
    scale = SCALES[kind]
    return [int(key) for key in scale.keys_of(frame.select(scale.key_of(pl.col("x")))["x"].to_numpy())]


@unhurried
@given(ORDINARY)
def test_bucket_keeps_a_number_to_the_stated_error(value):
    (key,) = keys("number", [value], pl.Float64)
    assert abs(value_of(key) - value) <= (RELATIVE_ERROR + ROUNDING_TO_32_BITS) * abs(value)


@unhurried
@given(st.lists(st.floats(allow_nan=False), min_size=2, max_size=20))
def test_buckets_are_ordered_as_the_numbers_are(values):
    ordered = sorted(values)
    found = keys("number", ordered, pl.Float64)
    assert found == sorted(found)


@pytest.mark.parametrize("value", [0, 1, -1, 2013, 8192, -8191])
def test_small_whole_numbers_have_buckets_of_their_own(value):
    assert [value_of(key) for key in keys("integer", [value], pl.Int64)] == [value]
    assert len(set(keys("integer", [value - 1, value], pl.Int64))) == 2


@pytest.mark.parametrize("dtype", [pl.Int8, pl.Int64, pl.UInt64, pl.Float32, pl.Float64])
def test_all_types_of_numbers_have_the_same_buckets(dtype):
    assert keys("number", [100], dtype) == [key_of_number(100)]


def test_infinities_are_the_largest_numbers():
    low, lowest, highest = keys("number", [-1.0, -math.inf, math.inf], pl.Float64)
    assert lowest < low < highest
    assert math.isfinite(value_of(highest))


@given(ORDINARY)
def test_cut_of_a_number_is_the_first_key_that_is_not_below_it(value):
    key = key_of_number(value)
    assert value_of(key) >= value > value_of(key - 1)


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
@example(-1e-05, -3.703143156690073e-24)
def test_roundest_number_lies_in_its_interval(one, other):
    low, high = sorted((one, other))
    if high - low > 1e-9 * max(abs(low), abs(high), 1e-9):
        assert low < roundest_number(low, high) <= high


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(97, 104, 100), (-3, 4, 0), (0.0231, 0.0248, 0.024), (1950, 2030, 2000), (5, 6, 6), (-104.5, -97, -100)],
)
def test_roundest_number_has_the_fewest_digits(low, high, expected):
    assert roundest_number(low, high) == expected


def test_roundest_number_of_no_interval_is_refused():
    with pytest.raises(ValueError, match="empty"):
        roundest_number(1, 1)


@pytest.mark.parametrize(
    ("kind", "low", "high", "expected"),
    [
        ("date", 15_000, 15_010, "2011-02-01"),
        ("date", 14_000, 15_010, "2010-01-01"),
        ("date", 15_007, 15_010, "2011-02-05"),
        ("timestamp", 360_001, 360_010, "2011-01-26T06:00"),
        ("timestamp", 360_001, 360_004, "2011-01-26T04:00"),
        ("time", 100, 400, "06:00"),
        ("time", 421, 424, "07:04"),
    ],
)
def test_edges_of_time_are_begins_of_calendar_units(kind, low, high, expected):
    scale = SCALES[kind]
    assert scale.roundest(low, high) == expected
    assert low < scale.cut_of(expected) <= high


@pytest.mark.parametrize(
    ("kind", "values", "dtype"),
    [
        ("timestamp", [datetime(1, 1, 1), datetime(1900, 1, 1), datetime(9999, 1, 1)], pl.Datetime("us")),
        ("date", [date(1, 1, 1), date(1900, 1, 1), date(9999, 1, 1)], pl.Date),
    ],
)
def test_days_beyond_three_centuries_share_a_bucket(kind, values, dtype):
    ancient, first, last = keys(kind, values, dtype)
    assert ancient == first < last == SCALES[kind].cut_of("2200-01-01")


def test_times_keep_the_minute():
    assert keys("time", [time(7, 4, 59), time(7, 5)], pl.Time) == [424, 425]


@pytest.mark.parametrize(("kind", "value", "around"), [("integer", 5, (4, 6)), ("integer", -1, (-2, 0))])
def test_neighbours_of_a_whole_number_are_whole(kind, value, around):
    before, after = SCALES[kind].around(key_of_number(value))
    assert (value_of(before), value_of(after)) == around


def test_neighbours_of_zero_are_no_denormal_numbers():
    before, after = SCALES["number"].around(0)
    assert value_of(after) == pytest.approx(NEXT_TO_ZERO, rel=1e-3)
    assert value_of(before) == pytest.approx(-NEXT_TO_ZERO, rel=1e-3)
