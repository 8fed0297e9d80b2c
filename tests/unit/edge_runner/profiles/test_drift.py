"""The measures against scipy and by hand; what is compared with what."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from tests.unit.edge_runner.profiles.columns import measured, unhurried

from edge_runner.profiles.drift import (
    LEAST_SHARE,
    ColumnDrift,
    compare,
    jensen_shannon_distance,
    judged,
    population_stability_index,
    runs_of_bins,
    worst,
)
from edge_runner.profiles.profile import protected

ROWS = st.lists(st.integers(0, 10_000), min_size=3, max_size=12)
RANDOM = np.random.default_rng(7)
NORMAL = RANDOM.normal(size=5_000)


def drift(reference, data, dtype=None, thresholds=None):
    told = protected(len(reference), [measured(reference, dtype)])
    (found,) = compare([measured(data, dtype)], told, thresholds or {})
    return found


def pair(draw):
    one = draw(ROWS)
    other = draw(st.lists(st.integers(0, 10_000), min_size=len(one), max_size=len(one)))
    assume(sum(one) and sum(other))
    return one, other


@given(st.data())
def test_psi_is_not_negative_and_that_of_numpy(data):
    one, other = pair(data.draw)
    expected, actual = (np.maximum(np.array(counts) / sum(counts), LEAST_SHARE) for counts in (one, other))
    found = population_stability_index(one, other)
    assert found >= 0
    assert found == pytest.approx(float(np.sum((actual - expected) * np.log(actual / expected))), abs=1e-12)


@given(st.data())
def test_js_distance_is_that_of_scipy_and_between_0_and_1(data):
    one, other = pair(data.draw)
    found = jensen_shannon_distance(one, other)
    assert 0 <= found <= 1
    assert found == pytest.approx(float(np.nan_to_num(jensenshannon(one, other, base=2))), abs=1e-7)


@given(ROWS.filter(sum), st.integers(1, 50))
def test_equal_shares_have_no_drift(counts, factor):
    scaled = [count * factor for count in counts]
    assert population_stability_index(counts, scaled) == pytest.approx(0, abs=1e-12)
    assert jensen_shannon_distance(counts, scaled) == pytest.approx(0, abs=1e-7)


def test_psi_by_hand():
    assert population_stability_index([50, 50], [75, 25]) == pytest.approx(
        0.25 * math.log(1.5) - 0.25 * math.log(0.5)
    )


def test_disjoint_data_are_at_the_largest_distance():
    assert jensen_shannon_distance([1, 0], [0, 1]) == 1


@unhurried
@given(st.lists(st.none() | st.floats(-100, 100), min_size=20, max_size=200))
def test_data_equal_to_the_reference_have_no_drift_at_all(values):
    assume(sum(value is not None for value in values) >= 10)
    found = drift(values, values, pl.Float64)
    assert (found.psi, found.js) == (0, 0)


@unhurried
@given(st.lists(st.sampled_from([None, "a", "b", "c", "d"]), min_size=30, max_size=200))
def test_categories_equal_to_the_reference_have_no_drift_at_all(values):
    assume(sum(value is not None for value in values) >= 10)
    found = drift(values, values, pl.String)
    assert (found.psi, found.js) == (0, 0)


def test_order_of_rows_does_not_matter():
    assert protected(5_000, [measured(NORMAL)]) == protected(5_000, [measured(NORMAL[::-1])])


@pytest.mark.parametrize(
    ("reference", "data"),
    [
        (NORMAL, NORMAL + 0.5),
        (NORMAL, NORMAL * 2),
        (np.full(500, 1), np.full(500, 2)),
        (np.full(500, 2013), np.full(500, 2014)),
        (["a"] * 300 + ["b"] * 300, ["a"] * 500 + ["b"] * 100),
        (["a"] * 300 + ["b"] * 300, ["a"] * 300 + ["c"] * 300),
        (["a"] * 300 + ["b"] * 300, [str(number) for number in range(2_000)]),
        ([1.0] * 500, [1.0] * 300 + [None] * 200),
        ([1.0] * 500, [1.0] * 300 + [math.nan] * 200),
        ([str(number) for number in range(500)], [str(number) for number in range(300)] + [None] * 200),
        ([True] * 300 + [False] * 300, [True] * 500 + [False] * 100),
    ],
    ids=[
        "shifted", "wider", "other constant", "other year", "other shares", "new category", "now free text",
        "nulls", "nans", "nulls of free text", "flag",
    ],
)  # fmt: skip
def test_a_shift_that_a_person_would_see_is_above_the_usual_limit(reference, data):
    assert drift(reference, data).psi > 0.2


def test_another_sample_of_the_same_is_below_the_usual_limit():
    assert drift(NORMAL, RANDOM.normal(size=600)).psi < 0.1


def test_small_data_against_many_categories_are_no_drift():
    names = [f"v{number:02}" for number in range(60)]
    assert drift(RANDOM.choice(names, 20_000), RANDOM.choice(names, 600)).psi < 0.1


@pytest.mark.parametrize(
    ("reference", "data", "status"),
    [
        (protected(50, [measured([1] * 50)]), measured(["a"] * 50), "retyped"),
        (protected(50, []), measured([1] * 50), "new"),
        (protected(50, [measured([1] * 50)]), measured([1] * 3), "empty"),
        (protected(50, [measured([1] * 50)]), measured([1.0] * 50), "compared"),
    ],
)
def test_what_cannot_be_compared_is_named(reference, data, status):
    (found,) = compare([data], reference, {"psi": {"stop": 0}})
    assert (found.column, found.status) == ("x", status)
    assert (found.psi is None) == (status != "compared")


def test_column_that_only_the_reference_has_is_named():
    assert compare([], protected(50, [measured([1] * 50)]), {}) == [ColumnDrift("x", "missing")]


@pytest.mark.parametrize(
    ("thresholds", "verdict"),
    [
        ({}, "unjudged"),
        ({"psi": {"warn": 0.1, "stop": 0.25}}, "warn"),
        ({"psi": {"warn": 0.1, "stop": 0.2}}, "stop"),
        ({"psi": {"stop": 0.25}, "js": {"stop": 0.3}}, "stop"),
        ({"psi": {"warn": 0.21}}, "ok"),
        ({"psi": {"stop": 0}, "ignore": ["x"]}, "unjudged"),
        ({"psi": {"stop": 0}, "ignore": ["y"]}, "stop"),
    ],
)
def test_measure_at_its_threshold_reaches_it(thresholds, verdict):
    assert judged(ColumnDrift("x", "compared", psi=0.2, js=0.3), thresholds).verdict == verdict


def test_worst_verdict():
    assert (worst([]), worst(["ok", "stop", "warn"])) == ("unjudged", "stop")


@pytest.mark.parametrize(
    ("counts", "runs"),
    [
        ([10, 10, 10, 10], [[10, 10], [10, 10]]),
        ([10, 10, 10], [[10, 10, 10]]),
        ([0, 30, 0], [[0], [30], [0]]),
        ([0, 5, 5, 0], [[0], [5, 5], [0]]),
        ([30, 0, 0, 30], [[30], [0, 0, 30]]),
        ([0, 0], [[0, 0]]),
        ([25], [[25]]),
    ],
)
def test_neighbouring_bins_are_counted_together_until_they_are_large(counts, runs):
    assert [counts[run] for run in runs_of_bins(counts, 20)] == runs
