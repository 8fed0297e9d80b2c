"""What the gates have found, in words."""

from __future__ import annotations

import pytest

from edge_training.verdict import objection, sentence, verdict

PLAIN = {"metric": "mae", "bound": "at_most", "limit": 60.0, "value": 70.5, "passed": False}
BESIDE = PLAIN | {
    "bound": "above_champion_by",
    "limit": 5.0,
    "champion_version": "3",
    "champion_value": 60.25,
}
IN_GROUPS = PLAIN | {"slice": "carrier", "min_rows": 100, "groups": 2, "group": "UA", "rows": 120}
NOBODY_YET = BESIDE | {"passed": True, "champion_value": None, "note": "there is no champion yet"}


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        (PLAIN, "mae is 70.5, at most 60 is allowed"),
        (PLAIN | {"bound": "at_least", "value": None}, "mae is not measured, at least 60 is allowed"),
        (
            BESIDE,
            "mae is 70.5, that of the champion (version 3) 60.25, at most 5 above is allowed",
        ),
        (
            BESIDE | {"bound": "below_champion_by", "champion_value": None},
            "mae is 70.5, that of the champion (version 3) not measured, at most 5 below is allowed",
        ),
        (IN_GROUPS, "mae where carrier is UA (120 rows) is 70.5, at most 60 is allowed"),
        (
            BESIDE | IN_GROUPS | {"bound": "above_champion_by", "limit": 5.0},
            "mae where carrier is UA (120 rows) is 70.5, that of the champion (version 3) 60.25, at most 5 "
            "above is allowed",
        ),
        (
            IN_GROUPS | {"group": None, "rows": None, "value": None, "note": "the group may not be told"},
            "mae by carrier, of which at most 60 is allowed: the group may not be told",
        ),
        (NOBODY_YET, "mae, of which at most 5 above is allowed: there is no champion yet"),
    ],
)
def test_a_gate_is_told_with_value_bound_champion_and_worst_group(gate, words):
    assert sentence(gate) == words


def test_only_gates_that_failed_are_objections():
    gates = [PLAIN, PLAIN | {"metric": "rmse", "passed": True}, IN_GROUPS, NOBODY_YET]
    assert objection(gates) == f"{sentence(PLAIN)}; {sentence(IN_GROUPS)}"
    assert verdict(gates) == objection(gates)


def test_a_gate_that_passed_without_a_comparison_does_not_pass_in_silence():
    assert verdict([NOBODY_YET, PLAIN | {"passed": True}]) == f"passed all gates; {sentence(NOBODY_YET)}"
    assert verdict([]) == "passed all gates"
