"""One day a key, and windows of days before it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_training.errors import BadRequest
from edge_training.partitions import MAX_WINDOW_DAYS, Window, parse


@pytest.mark.parametrize("key", [None, ""])
def test_a_run_without_a_key_is_told_to_have_one(key):
    with pytest.raises(
        BadRequest, match=r"has no partition key; trigger it again with one, .*under Advanced Options"
    ):
        parse(key)


@pytest.mark.parametrize(
    "key",
    ["today", "2013-02-30", "20130201", "2013-W05-5", "2013-2-1", "2013-02-01 ", "../x", "2013-02-01T00:00"],
)
def test_a_key_that_is_no_day_is_named(key):
    with pytest.raises(
        BadRequest, match="is no day; trigger the run again with one like 2013-02-01"
    ) as caught:
        parse(key)
    assert repr(key) in str(caught.value)


@given(st.dates())
def test_every_day_is_its_own_key(day):
    assert parse(day.isoformat()) == day


@pytest.mark.parametrize(
    ("key", "days", "first", "last"),
    [
        ("2013-02-15", 14, "2013-02-01", "2013-02-14"),
        ("2013-03-01", 1, "2013-02-28", "2013-02-28"),
        ("2012-03-01", 1, "2012-02-29", "2012-02-29"),
        ("2013-01-01", 2, "2012-12-30", "2012-12-31"),
        ("2013-03-31", 31, "2013-02-28", "2013-03-30"),
        ("2001-01-01", 366, "2000-01-01", "2000-12-31"),
    ],
)
def test_a_window_is_the_days_before_its_holdout(key, days, first, last):
    window = Window.before(key, days)
    keys = window.training_keys
    assert (keys[0], keys[-1], len(keys)) == (first, last, days)
    assert keys == sorted(keys)
    assert key not in keys
    assert str(window) == f"{first}/{window.training_keys[-1]}"


@pytest.mark.parametrize("days", [0, -1, MAX_WINDOW_DAYS + 1])
def test_a_window_of_a_length_that_makes_no_sense_is_refused(days):
    with pytest.raises(BadRequest, match="set window_days between 1 and"):
        Window.before("2013-02-01", days)


def test_a_window_before_the_first_day_there_is_is_refused():
    with pytest.raises(BadRequest, match="trigger the run with a later partition"):
        Window.before("0001-01-05", 5)
    assert Window.before("0001-01-05", 4).training_keys[0] == "0001-01-01"
