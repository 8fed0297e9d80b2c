"""Of many names the first are told, and how many there are besides."""

from __future__ import annotations

import pytest

from edge_runner.sentences import first_clauses, first_few


@pytest.mark.parametrize(
    ("names", "told"),
    [([], ""), (["a"], "a"), (["a", "b", "c"], "a, b, c"), (["a", "b", "c", "d", "e"], "a, b, c and 2 more")],
)
def test_the_first_names_are_told_and_the_others_counted(names, told):
    assert first_few(names) == told


def test_what_is_counted_may_be_named():
    assert first_few(["a", "b", "c", "d"], "more files") == "a, b, c and 1 more files"


@pytest.mark.parametrize(("count", "told"), [(1, "x"), (3, "x; x; x"), (4, "x; x; x (and 1 more)")])
def test_the_first_clauses_are_told_and_the_others_counted(count, told):
    assert first_clauses(["x"] * count) == told
