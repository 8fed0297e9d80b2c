"""How an outcome reads: in a report, and in a sentence."""

from __future__ import annotations

import pytest

from edge_runner.checks.outcomes import Outcome, share_or_count
from edge_runner.contracts.model import Limit, Metric, Rule


def outcome_of(limit, counted, rows, warns_only=False):
    rule = Rule("nullValues", Metric.NULLS, ("x",), None, limit, warns_only)
    return Outcome(rule, counted, share_or_count(rule, counted, rows))


def test_share_is_taken_of_all_rows():
    outcome = outcome_of(Limit("mustBeLessThan", (25,), in_percent=True), 1, 4)
    assert outcome.verdict == "failed"
    assert outcome.sentence() == (
        "nullValues of column x is broken by 25 percent of rows, must be less than 25 percent"
    )


def test_count_is_told_to_the_row():
    said = outcome_of(
        Limit("mustBeLessThan", (1_234_567,), in_percent=False), 1_234_567, 2_000_000
    ).sentence()
    assert said.endswith("is broken by 1234567 rows, must be less than 1234567")


def test_share_of_no_rows_is_zero():
    assert outcome_of(Limit("mustBe", (0,), in_percent=True), 0, 0).verdict == "passed"


def test_rule_that_warns_is_reported_as_such():
    outcome = outcome_of(Limit("mustBe", (0,), in_percent=False), 1, 1, warns_only=True)
    assert outcome.report() == {
        "rule": "nullValues",
        "column": "x",
        "outcome": "warned",
        "failed_rows": 1,
        "measured": 1,
        "limit": "must be 0",
    }


@pytest.mark.parametrize(
    ("metric", "measured"), [(Metric.SQL, 987654321.0), (Metric.SQL, None), (Metric.AGE, 987654321.0)]
)
def test_what_may_be_a_value_of_a_row_is_told_by_its_verdict_only(metric, measured):
    rule = Rule("newest", metric, ("x",), "zone or query", Limit("mustBeLessThan", (1,), in_percent=False))
    outcome = Outcome(rule, 0, measured)
    assert (outcome.verdict, outcome.report()["measured"]) == ("failed", None)
    assert "987654321" not in outcome.sentence() + str(outcome.report())


def test_rule_for_people_is_neither_passed_nor_failed():
    outcome = Outcome(Rule("verified by hand", Metric.TEXT, ()), 0, None)
    assert outcome.report() == {
        "rule": "verified by hand",
        "column": None,
        "outcome": "not_checked",
        "failed_rows": 0,
        "measured": None,
        "limit": None,
    }


def test_cells_of_another_type_are_told_by_file():
    by_file = tuple((f"{name}.csv", 1) for name in "abcd")
    outcome = Outcome(Rule("type", Metric.WRONG_TYPE, ("x",), "integer"), 4, 4, by_file)
    assert outcome.sentence() == (
        "column x has 4 cells that are no integer (a.csv: 1, b.csv: 1, c.csv: 1 and 1 more files)"
    )
