"""What is asked of a column has one answer, whichever way and in however many parts its rows are read."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runner.checks.row_rules import merged, questions
from edge_runner.contracts.model import Metric, Rule

TEXT_RULES = (
    Rule("null", Metric.NULLS, ("x",)),
    Rule("missing", Metric.MISSING, ("x",), (None, "a")),
    Rule("set", Metric.NOT_IN_SET, ("x",), ("a", "b")),
    Rule("pattern", Metric.NOT_MATCHING, ("x",), "^a"),
    Rule("short", Metric.SHORTER, ("x",), 2),
    Rule("long", Metric.LONGER, ("x",), 2),
    Rule("format", Metric.OF_ANOTHER_FORMAT, ("x",), "hostname"),
)
SCHEMA = {"x": pl.String(), "y": pl.Date()}
texts = st.lists(st.none() | st.text("ab-", max_size=3))


def answers(values):
    frame = pl.DataFrame({"x": values}, schema={"x": pl.String})
    return frame.select(**questions(TEXT_RULES, SCHEMA)["x"].of_rows()).row(0, named=True)


@given(texts)
def test_distinct_values_answer_as_rows_do(values):
    frame = pl.DataFrame({"x": values}, schema={"x": pl.String})
    groups = frame.group_by("x").agg(pl.len().alias("rows"))
    asked = questions(TEXT_RULES, SCHEMA)["x"].of_groups("rows")
    assert groups.select(**asked).row(0, named=True) == answers(values)


@given(texts, texts)
def test_counts_of_parts_add_up(first, second):
    together = merged(TEXT_RULES, [answers(first), answers(second)])
    assert together == merged(TEXT_RULES, [answers(first + second)])


@pytest.mark.parametrize(
    ("parts", "newest"),
    [([[1, 3], [2]], 3), ([[1], [], [None]], 1), ([[None], []], None)],
)
def test_the_newest_value_is_that_of_any_part(parts, newest):
    rule = Rule("freshness", Metric.AGE, ("y",))
    asked = questions([rule], SCHEMA)["y"].of_rows()
    found = []
    for days in parts:
        moments = [day and date(2013, 1, day) for day in days]
        found.append(pl.DataFrame({"y": moments}, schema={"y": pl.Date}).select(**asked))
    assert merged([rule], [one.row(0, named=True) for one in found]) == {
        rule: newest and date(2013, 1, newest)
    }


def test_rules_about_more_than_the_rows_of_a_column_are_left_out():
    others = [Rule("r", Metric.ROWS, ()), Rule("u", Metric.DUPLICATES, ("x",)), Rule("s", Metric.SQL, ("x",))]
    assert not questions(others, SCHEMA)["x"].of_rows()
    assert merged(others, []) == {}
