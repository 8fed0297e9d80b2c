"""What a card says of each group: only what follows from what has left the site."""

from __future__ import annotations

import json

import pytest
from tests.html_pages import Elements
from tests.unit.edge_training.model_card.test_card import TAGS, cards

from edge_training.model_card.tables import slice_table

GROUPS = [
    {"group": "UA", "rows": 400, "value": 17.25},
    {"group": "AA", "rows": 200, "value": 60.5},
    {"group": "OO", "rows": 20, "value": None},
]
SLICES = [{"metric": "mae", "slice": "carrier", "groups": GROUPS}]
GATE = {"metric": "mae", "bound": "at_most", "limit": 50.0, "value": 60.5, "passed": False}
SLICE = {"slice": "carrier", "min_rows": 100, "groups": 2, "group": "AA", "rows": 200}
RELATIVE = {"bound": "above_champion_by", "champion_version": "3", "champion_value": 9.0}


def verdicts(*gates: dict) -> dict[str, str]:
    rows = slice_table(SLICES, gates).rows
    return {row[2].removeprefix("carrier is "): row[0] for row in rows}


def test_a_limit_is_held_against_every_group_that_has_enough_rows():
    assert verdicts(GATE | SLICE) == {"UA": "passed", "AA": "failed", "OO": "not judged"}


def test_a_group_keeps_every_limit_or_fails():
    loose = {**GATE, "limit": 10.0, "bound": "at_least", "group": "UA", "passed": True}
    assert verdicts(GATE | SLICE, SLICE | loose) == {"UA": "passed", "AA": "failed", "OO": "not judged"}


def test_beside_the_champion_a_gate_that_passed_has_passed_in_all_groups():
    assert verdicts(GATE | SLICE | RELATIVE | {"passed": True}) == {
        "UA": "passed",
        "AA": "passed",
        "OO": "not judged",
    }


def test_beside_the_champion_only_the_worst_group_of_a_gate_that_failed_is_known():
    assert verdicts(GATE | SLICE | RELATIVE) == {"UA": "not judged", "AA": "failed", "OO": "not judged"}


@pytest.mark.parametrize(
    "gate",
    [
        GATE,
        GATE | SLICE | {"slice": "origin"},
        GATE | SLICE | {"metric": "rmse"},
        GATE | SLICE | RELATIVE | {"passed": True, "note": "there is no champion yet", "group": None},
    ],
)
def test_other_gates_judge_no_group(gate):
    assert set(verdicts(gate).values()) == {"not judged"}


def test_both_cards_tell_each_group_with_its_rows_and_value():
    markdown, page = cards({**TAGS, "slices": json.dumps(SLICES), "gates": json.dumps([GATE | SLICE])})
    assert "## Slices, groups of the holdout" in markdown
    assert "| passed | mae | carrier is UA | 400 | 17.25 |" in markdown
    assert "| not judged | mae | carrier is OO | 20 | not measured |" in markdown
    assert "carrier is UA" in Elements(page).said


def test_a_group_that_is_called_like_a_verdict_is_no_verdict():
    slices = [{"metric": "mae", "slice": "state", "groups": [{"group": "failed", "rows": 90, "value": 1.0}]}]
    _, page = cards({**TAGS, "slices": json.dumps(slices), "gates": "[]"})
    chips = [value for name, value in Elements(page).attributes if name == "class" and "chip" in value]
    assert not [chip for chip in chips if "failed" in chip]


def test_without_slices_there_is_no_table():
    markdown, _ = cards({**TAGS, "slices": "[]"})
    assert "Slices" not in markdown
