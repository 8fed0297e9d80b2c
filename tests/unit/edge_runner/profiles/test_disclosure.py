"""No group below k is told, alone or by subtraction."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.edge_runner.profiles.columns import unhurried

from edge_runner.profiles.disclosure import (
    CATEGORY_CHARS,
    PUBLIC_K,
    SHOWN_CATEGORIES,
    K,
    choose_categories,
    choose_edges,
    coarse,
)
from edge_runner.profiles.scales import SCALES, key_of_number
from edge_runner.profiles.sketch import make_sketch

SCALE = SCALES["number"]
COUNTS = st.dictionaries(st.text("abcdef", min_size=1, max_size=4), st.integers(1, 60), max_size=70)


def sketch(values):
    keys = np.array([key_of_number(value) for value in values], dtype=np.int64)
    return make_sketch(keys, np.ones(len(keys), dtype=np.int64))


def bins(values, k=K):
    made = sketch(values)
    edges = choose_edges(made, SCALE, k)
    return edges, made.split([SCALE.cut_of(edge) for edge in edges])


@given(st.integers(0, 10**9))
def test_counts_are_multiples_of_k_and_small_ones_are_not_told(count):
    told = coarse(count, K)
    assert (told is None) == (0 < count < K)
    assert told is None or (told % K == 0 and told <= count < told + K)


@unhurried
@given(st.lists(st.floats(-1e6, 1e6), max_size=600) | st.lists(st.integers(-5, 5), max_size=600))
def test_no_bin_holds_fewer_than_k_rows_unless_none(values):
    edges, counts = bins(values)
    assert edges == sorted(set(edges))
    assert all(count == 0 or count >= K for count in counts) or not edges
    assert sum(counts) == len(values)


@unhurried
@given(st.lists(st.floats(-1e6, 1e6), min_size=30, max_size=600), st.floats(1e7, 1e12), st.floats(1e7, 1e12))
def test_edges_do_not_depend_on_how_extreme_the_extremes_are(values, one, other):
    few = min(K // 2 - 1, len(values) // 10)
    assert bins([*values, *[one] * few]) == bins([*values, *[other] * few])


def test_many_rows_are_cut_into_about_equal_bins_with_tails():
    edges, counts = bins(np.random.default_rng(1).normal(size=20_000))
    assert len(counts) == 22
    assert max(counts) < 0.09 * 20_000
    assert min(counts) > 0.004 * 20_000
    assert all(len(f"{abs(edge):g}") <= 5 for edge in edges)


def test_value_of_many_rows_is_a_bin_of_its_own_even_when_there_is_no_other():
    edges = choose_edges(sketch([2013] * 50), SCALES["integer"], K)
    assert edges == [2013, 2014]


@pytest.mark.parametrize("rows", [K, 2 * K])
def test_few_rows_are_not_cut(rows):
    assert bins(range(rows))[0] == []


@given(COUNTS)
def test_no_category_below_k_is_told_and_none_can_be_subtracted(counts):
    shown = choose_categories(counts, K)
    rest = {value: count for value, count in counts.items() if value not in shown}
    assert all(count >= K for count in shown.values())
    if shown and rest:
        assert len(rest) > 1
        assert sum(rest.values()) >= K


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        ({"a": 50, "b": 30, "c": 9}, {"a"}),
        ({"a": 50, "b": 30, "c": 12, "d": 6, "e": 6}, {"a", "b", "c"}),
        ({"a": 50, "b": 30, "c": 12, "d": 4, "e": 5}, {"a", "b"}),
        ({"true": 5000, "false": 3}, set()),
        ({"a": 50, "b": 30}, {"a", "b"}),
        ({"a": 50, "b": 3, "c": 3, "d": 30, "e": 2}, set()),
    ],
    ids=["one small", "small ones enough", "small ones too few", "rare flag", "none small", "mostly small"],
)
def test_complementary_suppression(counts, shown):
    assert set(choose_categories(counts, K)) == shown


def test_public_categories_are_told_whatever_their_size():
    assert choose_categories({"a": 50, "b": 1}, PUBLIC_K) == {"a": 50, "b": 1}


def test_long_texts_and_more_than_the_largest_are_no_categories():
    many = {f"v{number:03}": 100 + number for number in range(SHOWN_CATEGORIES + 20)}
    shown = choose_categories(many | {"x" * (CATEGORY_CHARS + 1): 1000}, K)
    assert len(shown) == SHOWN_CATEGORIES
    assert next(iter(shown)) == f"v{SHOWN_CATEGORIES + 19:03}"
