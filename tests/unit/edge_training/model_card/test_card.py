"""The model card: the same facts as Markdown and as a self-contained page."""

from __future__ import annotations

import json

import pytest
from tests.html_pages import Elements

from edge_runner.profiles.layout import NONE
from edge_training.bundle import Metric
from edge_training.model_card.card import CARD_PATH, MARKDOWN_PATH, model_card
from edge_training.model_card.curves import MOST_POINTS, curve

HOSTILE = "<script>alert(1)</script> | `x` [y](z)"
GATES = [
    {"metric": "mae", "bound": "at_most", "limit": 60.0, "value": 17.25, "passed": True},
    {"metric": "r2", "bound": "at_least", "limit": 0.5, "value": None, "passed": False},
]
TAGS = {
    "partition": "2013-02-01",
    "window": "2013-01-18/2013-01-31",
    "site": "edge_site",
    "verdict": "r2 is not measured, at least 0.5 is allowed",
    "gates": json.dumps(GATES),
    "metrics": '{"mae":17.25}',
    "training_key": "ab" * 32,
    "training_seconds": "12.5",
    "params": json.dumps({"note": HOSTILE}),
    "contract_result": '{"passed":12}',
}
CURVES = [Metric("mae", 9.0, 1), Metric("mae", 7.5, 2), Metric("mae", 7.25, 2), Metric("rows", 900.0, 0)]
COLUMN = {
    "name": "distance",
    "type": "number",
    "values": 900,
    "nulls": 0,
    "nans": 0,
    "distinct": 200,
    "public": False,
    "bins": {"edges": [100, 500, 2400], "counts": [100, 300, 400, 100]},
}
PROFILE = {"version": 1, "k": 10, "splits": {"train": {"columns": [COLUMN]}}}


def column_drift(column: str, psi: float | None, verdict: str, status: str = "compared") -> dict:
    return {"column": column, "status": status, "psi": psi, "js": psi and psi / 2, "verdict": verdict}


DRIFT = {
    "note": None,
    "thresholds": {"psi": {"warn": 0.25, "stop": 5.0}, "ignore": ["year"]},
    "splits": {
        "train": [
            column_drift("distance", 0.3, "warn"),
            column_drift("hour", 0.01, "ok"),
            column_drift("year", None, "unjudged", "new"),
        ],
        "holdout": [
            column_drift("distance", 0.1, "ok"),
            column_drift("hour", 0.02, "ok"),
            column_drift("year", None, "unjudged", "new"),
        ],
    },
}


def cards(tags=TAGS, curves=CURVES, profile=PROFILE, drift=DRIFT) -> tuple[str, str]:
    attachments = {"validation/profile.json": json.dumps(profile).encode()} if profile else {}
    report = {"version": 1, "drift": drift}
    attachments |= {"validation/report.json": json.dumps(report).encode()} if drift else {}
    made = model_card("flight_delay", tags, curves, attachments)
    return made[MARKDOWN_PATH].decode(), made[CARD_PATH].decode()


@pytest.mark.parametrize(
    "told",
    [
        "flight_delay of 2013-02-01",
        "Rejected",
        "r2 is not measured, at least 0.5 is allowed",
        "17.25",
        "at most 60",
        "not measured",
        "12.5 s",
        "12 passed of 12 rules",
        "7.25 at step 2",
    ],
)
def test_both_cards_tell_lineage_metrics_and_gates(told):
    markdown, page = cards()
    assert told in markdown
    assert told in Elements(page).said


def test_the_page_is_self_contained_and_escapes_what_it_shows():
    _, page = cards()
    found = Elements(page)
    assert HOSTILE in found.said.replace('\\"', '"')
    assert not {"script", "link", "img", "iframe", "object"} & set(found.tags)
    assert not [name for name, _ in found.attributes if name in ("src", "href") or name.startswith("on")]


def test_in_markdown_a_text_stands_for_itself():
    markdown, _ = cards()
    assert r"\<script>alert(1)\</script> \| \`x\` \[y\](z)" in markdown


def test_curves_with_several_points_and_the_columns_of_the_data_are_drawn():
    _, page = cards()
    found = Elements(page)
    labels = [value for name, value in found.attributes if name == "aria-label"]
    assert labels == ["Curve of mae from 7.25 to 9", "Histogram of distance"]


def test_digests_are_whole_in_markdown_and_short_on_the_page():
    markdown, page = cards()
    assert "ab" * 32 in markdown
    assert ("title", "ab" * 32) in Elements(page).attributes
    assert "ab" * 32 not in Elements(page).said


@pytest.mark.parametrize("profile", [None, {"version": 99}])
def test_without_a_profile_that_can_be_read_nothing_of_the_data_is_drawn(profile):
    _, page = cards(curves=[], profile=profile)
    assert "svg" not in Elements(page).tags


def test_a_model_that_passes_is_accepted():
    tags = {**TAGS, "gates": json.dumps(GATES[:1]), "verdict": "passed all gates"}
    markdown, page = cards(tags)
    assert "**Accepted**: passed all gates." in markdown
    assert "Rejected" not in Elements(page).said


def test_a_gate_on_a_group_names_the_group():
    gate = {**GATES[0], "slice": "origin", "group": "JFK", "rows": 300}
    markdown, _ = cards({**TAGS, "gates": json.dumps([gate])})
    assert "| passed | mae where origin is JFK (300 rows) is 17.25, at most 60 is allowed |" in markdown


def test_the_drift_of_each_column_is_told_the_worst_first():
    markdown, page = cards()
    assert "## Drift, warn from PSI 0.25; stop from PSI 5; no verdict on year" in markdown
    rows = [
        line
        for line in markdown.splitlines()
        if line.startswith(("| Verdict | Column", "| warn", "| ok", "| new"))
    ]
    assert rows == [
        "| Verdict | Column | PSI partition | JS partition | PSI window | JS window |",
        "| warn | distance | 0.100 | 0.050 | 0.300 | 0.150 |",
        "| ok | hour | 0.020 | 0.010 | 0.010 | 0.005 |",
        f"| new | year |{f' {NONE} |' * 4}",
    ]
    assert "drift: warn" in Elements(page).said  # on the column's own card, too


@pytest.mark.parametrize(
    "drift", [None, {"note": "there is no champion yet", "thresholds": {}, "splits": {}}]
)
def test_data_that_was_not_compared_has_no_table_of_drift(drift):
    markdown, page = cards(drift=drift)
    assert "Drift," not in markdown
    assert "PSI" not in Elements(page).said


@pytest.mark.parametrize("values", [[5.0, 5.0], list(range(10 * MOST_POINTS))])
def test_a_curve_may_be_flat_or_long(values):
    drawn = curve("mae", list(enumerate(values)))
    (path,) = [value for name, value in Elements(drawn).attributes if name == "d"]
    assert path.count("L") + 1 == min(len(values), MOST_POINTS)
    assert "nan" not in path
