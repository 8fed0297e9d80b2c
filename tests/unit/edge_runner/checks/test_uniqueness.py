"""Duplicates are counted exactly, whatever the values, the keys and the hashes are."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runner.checks import uniqueness
from edge_runner.checks.uniqueness import count_duplicates, hash_of, repeated_rows

everywhere = pytest.mark.parametrize("in_memory", [0, uniqueness.ROWS_IN_MEMORY], ids=["files", "memory"])


def count(frame, *keys, in_memory=0, hashed=hash_of):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(uniqueness, "ROWS_IN_MEMORY", in_memory)
        return count_duplicates(frame.lazy(), keys, Path(folder), hashed)


@everywhere
@settings(deadline=None, max_examples=50)  # each example is a pass over files
@given(rows=st.lists(st.tuples(st.none() | st.integers(0, 9), st.none() | st.sampled_from(["a", "b", ""]))))
def test_counts_agree_with_plain_python_for_any_rows(in_memory, rows):
    frame = pl.DataFrame(rows, schema={"x": pl.Int64, "y": pl.String}, orient="row")
    complete = [row for row in rows if None not in row]
    present = [x for x, _ in rows if x is not None]
    assert count(frame, ("x",), ("x", "y"), in_memory=in_memory) == [
        len(present) - len(set(present)),
        len(complete) - len(set(complete)),
    ]


@everywhere
@settings(deadline=None, max_examples=50)  # each example is a pass over files
@given(values=st.lists(st.integers(0, 40)), hashes=st.integers(1, 8))
def test_values_that_share_a_hash_are_told_apart(in_memory, values, hashes):
    frame = pl.DataFrame({"x": values}, schema={"x": pl.Int64})

    def hashed(key):
        return (pl.col(key[0]) % hashes).cast(pl.UInt64)

    found = count(frame, ("x",), in_memory=in_memory, hashed=hashed)
    assert found == [len(values) - len(set(values))]


@everywhere
def test_more_repeated_hashes_than_fit_into_one_pass_are_looked_at_in_several(in_memory, monkeypatch):
    monkeypatch.setattr(uniqueness, "HASHES_PER_PASS", 7)
    assert count(pl.DataFrame({"x": list(range(100)) * 2}), ("x",), in_memory=in_memory) == [100]


@pytest.mark.parametrize(
    "values", [[0.0, -0.0], [float("nan")] * 2, [[1, 2], [1, 2]], [{"a": 1}, {"a": 1}], [b"a", b"a"]]
)
def test_equal_values_of_every_type_are_duplicates(values):
    assert count(pl.DataFrame({"x": values}), ("x",)) == [1]


@everywhere
def test_repeated_rows_are_found_and_stand_beside_each_other(in_memory, tmp_path, monkeypatch):
    monkeypatch.setattr(uniqueness, "ROWS_IN_MEMORY", in_memory)
    frame = pl.DataFrame({"x": [3, 1, 2, 3, 1, None, None]}).with_row_index()
    found = repeated_rows(frame.lazy(), ("x",), 10, tmp_path).collect()
    assert Counter(found["index"]) == Counter([0, 1, 3, 4])
    assert found["x"].to_list() == [1, 1, 3, 3]


def test_no_hash_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(uniqueness, "ROWS_IN_MEMORY", 0)
    count_duplicates(pl.LazyFrame({"x": [1, 1]}), [("x",)], tmp_path)
    assert list(tmp_path.iterdir()) == []
