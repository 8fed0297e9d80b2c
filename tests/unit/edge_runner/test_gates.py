"""What was measured is held against each gate; what was not measured fails it."""

from __future__ import annotations

import pytest

from edge_runner.gates import NOT_REPORTED, NOT_TOLD, Champion, Measured, judge, told_slices
from edge_runner.slices import Group

NOBODY_YET = Champion("", "there is no champion yet", None)
CARRIERS = {"UA": Group(150, 20.0), "DL": Group(120, 30.0), "AA": Group(40, 99.0), "OO": Group(12, 99.0)}
BY_CARRIER = {"slice": "carrier", "min_rows": 100}


def measured(value: float | None = 4.0, groups: dict[str, Group] | None = None) -> Measured:
    metrics = {} if value is None else {"mae": value}
    return Measured(metrics, {("mae", "carrier"): groups} if groups else {})


def champion(value: float | None = 4.0, groups: dict[str, Group] | None = None) -> Champion:
    return Champion("3", "", measured(value, groups))


@pytest.mark.parametrize(
    ("bound", "limit", "passed"),
    [
        ("at_most", 4.0, True),
        ("at_most", 3.9, False),
        ("at_least", 4.0, True),
        ("at_least", 4.1, False),
    ],
)
def test_a_gates_limit_itself_is_allowed(bound, limit, passed):
    (verdict,) = judge([{"metric": "mae", bound: limit}], measured())
    assert verdict == {"metric": "mae", "bound": bound, "limit": limit, "value": 4.0, "passed": passed}


@pytest.mark.parametrize(
    ("bound", "limit", "of_champion", "passed"),
    [
        ("above_champion_by", 0.5, 3.5, True),
        ("above_champion_by", 0.5, 3.25, False),
        ("above_champion_by", 0.0, 4.0, True),
        ("above_champion_by", -1.0, 4.5, False),
        ("above_champion_by", -1.0, 5.0, True),
        ("below_champion_by", 0.5, 4.5, True),
        ("below_champion_by", 0.5, 4.75, False),
        ("below_champion_by", 0.0, 3.0, True),
        ("below_champion_by", -1.0, 3.5, False),
    ],
)
def test_a_model_may_be_so_much_worse_than_the_champion_and_no_more(bound, limit, of_champion, passed):
    (verdict,) = judge([{"metric": "mae", bound: limit}], measured(), champion(of_champion))
    assert verdict["passed"] is passed
    assert (verdict["value"], verdict["champion_value"], verdict["champion_version"]) == (
        4.0,
        of_champion,
        "3",
    )


@pytest.mark.parametrize("bound", ["at_most", "at_least", "above_champion_by", "below_champion_by"])
def test_what_was_not_measured_fails(bound):
    (verdict,) = judge([{"metric": "mae", bound: 1e9}], measured(None), champion())
    assert (verdict["value"], verdict["passed"]) == (None, False)


@pytest.mark.parametrize("bound", ["above_champion_by", "below_champion_by"])
def test_what_was_not_measured_of_the_champion_fails(bound):
    (verdict,) = judge([{"metric": "mae", bound: 1e9}], measured(), champion(None))
    assert (verdict["value"], verdict["champion_value"], verdict["passed"]) == (4.0, None, False)


@pytest.mark.parametrize("slices", [{}, BY_CARRIER])
def test_without_a_champion_to_compare_with_a_gate_passes_and_says_so(slices):
    """Also a bound below zero, which the champion itself would not keep."""
    (verdict,) = judge([{"metric": "mae", "above_champion_by": -1.0, **slices}], measured(), NOBODY_YET)
    assert (verdict["passed"], verdict["note"]) == (True, "there is no champion yet")


@pytest.mark.parametrize(("limit", "passed"), [(30.0, True), (29.0, False)])
def test_a_slice_must_hold_in_every_group_that_is_large_enough(limit, passed):
    """AA and OO are worse by far, and too small to count."""
    (verdict,) = judge([{"metric": "mae", "at_most": limit, **BY_CARRIER}], measured(25.0, CARRIERS))
    assert verdict["passed"] is passed
    assert (verdict["groups"], verdict["group"], verdict["rows"], verdict["value"]) == (2, "DL", 120, 30.0)


def test_the_worst_group_is_the_one_that_is_furthest_beyond_the_bound():
    groups = {"UA": Group(150, 0.9), "DL": Group(120, 0.2), "AA": Group(200, 0.5)}
    (verdict,) = judge([{"metric": "mae", "at_least": 0.6, **BY_CARRIER}], measured(0.7, groups))
    assert (verdict["group"], verdict["value"], verdict["passed"]) == ("DL", 0.2, False)


def test_a_group_is_compared_with_the_champions_in_the_same_group():
    of_champion = {"UA": Group(150, 10.0), "DL": Group(120, 31.0)}
    (verdict,) = judge(
        [{"metric": "mae", "above_champion_by": 5.0, **BY_CARRIER}],
        measured(25.0, CARRIERS),
        champion(24.0, of_champion),
    )
    assert (verdict["group"], verdict["value"], verdict["champion_value"]) == ("UA", 20.0, 10.0)
    assert verdict["passed"] is False


def test_a_group_that_was_not_measured_of_the_champion_fails():
    gate = {"metric": "mae", "above_champion_by": 5.0, **BY_CARRIER}
    (verdict,) = judge([gate], measured(25.0, CARRIERS), champion(24.0, {"UA": Group(150, 20.0)}))
    assert (verdict["group"], verdict["champion_value"], verdict["passed"]) == ("DL", None, False)


def test_a_group_without_a_value_fails_if_it_is_large_enough():
    groups = CARRIERS | {"UA": Group(150, None)}
    (verdict,) = judge([{"metric": "mae", "at_most": 1e9, **BY_CARRIER}], measured(25.0, groups))
    assert (verdict["group"], verdict["value"], verdict["passed"]) == ("UA", None, False)


def test_a_slice_that_the_script_did_not_report_fails():
    (verdict,) = judge([{"metric": "mae", "at_most": 1e9, **BY_CARRIER}], measured())
    assert (verdict["passed"], verdict["note"], verdict["group"]) == (False, NOT_REPORTED, None)


def test_a_slice_without_a_group_that_counts_passes_and_says_so():
    gate = {"metric": "mae", "at_most": 1.0, **BY_CARRIER, "min_rows": 500}
    (verdict,) = judge([gate], measured(25.0, CARRIERS))
    assert (verdict["passed"], verdict["note"], verdict["groups"]) == (True, "no group has 500 rows", 0)


def test_groups_below_ten_rows_never_count():
    gate = {"metric": "mae", "at_most": 50.0, "slice": "carrier", "min_rows": 1}
    groups = {"UA": Group(150, 20.0), "B6": Group(9, 99.0), "OO": Group(8, 99.0)}
    assert judge([gate], measured(25.0, groups))[0]["passed"] is True


@pytest.mark.parametrize("classification", ["restricted", None])
def test_of_a_group_that_may_not_be_told_only_the_verdict_leaves(classification):
    name = "secret" if classification else "x" * 101
    gate = {"metric": "mae", "at_most": 50.0, **BY_CARRIER}
    model = measured(25.0, {name: Group(150, 77.0), "UA": Group(150, 20.0)})
    (verdict,) = judge([gate], model, classifications={"carrier": classification})
    assert (verdict["passed"], verdict["note"]) == (False, NOT_TOLD)
    assert (verdict["group"], verdict["rows"], verdict["value"]) == (None, None, None)


def test_of_slices_only_what_a_gate_asks_for_leaves_and_only_what_may_be_told():
    model = Measured(
        {"mae": 25.0},
        {("mae", "carrier"): CARRIERS | {"B6": Group(9, 1.0)}, ("mae", "passenger"): {"Ann": Group(99, 1.0)}},
    )
    gate = {"metric": "mae", "at_most": 50.0, **BY_CARRIER}
    (slices,) = told_slices([gate, gate, {"metric": "mae", "at_most": 5.0}], model, {})
    assert (slices["metric"], slices["slice"]) == ("mae", "carrier")
    assert [(told["group"], told["rows"]) for told in slices["groups"]] == [
        ("UA", 150),
        ("DL", 120),
        ("AA", 40),
    ]
