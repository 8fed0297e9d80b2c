"""Duplicates are counted exactly, whatever the values, the keys and the hashes are."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runner.contracts import uniqueness
from edge_runner.contracts.uniqueness import count_duplicates, hash_of, repeated_rows


def count(frame, *keys, hashed=hash_of):
    with tempfile.TemporaryDirectory() as folder:
        return count_duplicates(frame.lazy(), keys, Path(folder), hashed)


@settings(deadline=None, max_examples=50)  # each example is a pass over files
@given(st.lists(st.tuples(st.none() | st.integers(0, 9), st.none() | st.sampled_from(["a", "b", ""]))))
def test_counts_agree_with_plain_python_for_any_rows(rows):
    frame = pl.DataFrame(rows, schema={"x": pl.Int64, "y": pl.String}, orient="row")
    complete = [row for row in rows if None not in row]
    present = [x for x, _ in rows if x is not None]
    assert count(frame, ("x",), ("x", "y")) == [
        len(present) - len(set(present)),
        len(complete) - len(set(complete)),
    ]


@settings(deadline=None, max_examples=50)  # each example is a pass over files
@given(st.lists(st.integers(0, 40)), st.integers(1, 8))
def test_values_that_share_a_hash_are_told_apart(values, hashes):
    frame = pl.DataFrame({"x": values}, schema={"x": pl.Int64})
    found = count(frame, ("x",), hashed=lambda key: (pl.col(key[0]) % hashes).cast(pl.UInt64))
    assert found == [len(values) - len(set(values))]


def test_more_repeated_hashes_than_fit_into_one_pass_are_looked_at_in_several(monkeypatch):
    monkeypatch.setattr(uniqueness, "HASHES_PER_PASS", 7)
    assert count(pl.DataFrame({"x": list(range(100)) * 2}), ("x",)) == [100]


@pytest.mark.parametrize(
    "values", [[0.0, -0.0], [float("nan")] * 2, [[1, 2], [1, 2]], [{"a": 1}, {"a": 1}], [b"a", b"a"]]
)
def test_equal_values_of_every_type_are_duplicates(values):
    assert count(pl.DataFrame({"x": values}), ("x",)) == [1]


def test_repeated_rows_are_found_and_stand_beside_each_other(tmp_path):
    frame = pl.DataFrame({"x": [3, 1, 2, 3, 1, None, None]}).with_row_index()
    found = repeated_rows(frame.lazy(), ("x",), 10, tmp_path).collect()
    assert Counter(found["index"]) == Counter([0, 1, 3, 4])
    assert found["x"].to_list() == [1, 1, 3, 3]


def test_no_hash_is_left_behind(tmp_path):
    count_duplicates(pl.LazyFrame({"x": [1, 1]}), [("x",)], tmp_path)
    assert list(tmp_path.iterdir()) == []
