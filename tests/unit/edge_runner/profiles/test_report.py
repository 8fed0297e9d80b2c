"""The document and the page that is drawn from it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from tests.html_pages import Elements

from edge_runner.profiles.drift import ColumnDrift
from edge_runner.profiles.measure import measure_columns
from edge_runner.profiles.page import page
from edge_runner.profiles.report import (
    Findings,
    Subject,
    compare_splits,
    make_profile,
    make_report,
    worst_drift,
)

SUBJECT = Subject(
    "flight_delay", "2013-02-09", "ab" * 32, {"name": "flights", "version": "1.2.0", "digest": "cd" * 32}
)
HOSTILE = "<script>alert('x')</script>"
RULE = {
    "rule": HOSTILE,
    "column": "n",
    "outcome": "failed",
    "failed_rows": 12,
    "measured": 12.0,
    "limit": "must be 0",
}


def columns(rows=1_000, shift=0.0, seed=1):
    random = np.random.default_rng(seed)
    frame = pl.LazyFrame(
        {
            "n": random.lognormal(3, 2, rows) + shift,
            "city": random.choice(["A", "B", HOSTILE], rows),
            "at": [datetime(2013, 2, 1) + timedelta(minutes=number) for number in range(rows)],
            "id": [f"id {number}" for number in range(rows)],
        }
    )
    return measure_columns(frame, dict.fromkeys(["n", "city", "at", "id"]))


@pytest.fixture(scope="module")
def splits():
    return {"train": columns(), "holdout": columns(600, shift=40, seed=2)}


def drawn(findings, reference=None, thresholds=None):
    profile = make_profile(SUBJECT, findings.columns)
    report = make_report(SUBJECT, findings, profile, thresholds or {})
    return report, page(report, profile, reference)


def test_page_is_self_contained_well_formed_and_escapes_what_it_shows(splits):
    reference = make_profile(SUBJECT, splits)
    drift, _ = compare_splits(splits, reference, {"psi": {"warn": 0.1}})
    findings = Findings({"train": 2, "holdout": 1}, [RULE], splits, drift, None, f"Broken: {HOSTILE}.")
    _, text = drawn(findings, reference)
    found = Elements(text)
    assert "script" not in found.tags
    assert f"Broken: {HOSTILE}." in found.said
    assert not {"link", "img", "iframe", "object"} & set(found.tags)
    assert not [name for name, _ in found.attributes if name in ("src", "href") or name.startswith("on")]
    assert "url(" not in text
    assert "@import" not in text


def test_page_says_what_was_checked_with_which_verdict(splits):
    _, text = drawn(Findings({"train": 2, "holdout": 1}, [RULE], splits, rejection="Broken."))
    said = Elements(text).said
    for expected in (
        "2013-02-09",
        "Rejected",
        "flight_delay",
        "flights 1.2.0",
        "600 rows, 1 file",
        "must be 0",
    ):
        assert expected in said
    assert text.count("<path") >= 2 * 3  # two histograms of two splits each, and the legend


def test_page_overlays_the_champion_where_there_is_one(splits):
    reference = make_profile(SUBJECT, splits)
    drift, _ = compare_splits(splits, reference, {})
    assert 'class="champion"' in drawn(Findings(columns=splits, drift=drift), reference)[1]
    assert 'class="champion"' not in drawn(Findings(columns=splits, note="none"))[1]


def test_page_shows_rules_that_no_machine_checks_and_where_rows_are_kept():
    unchecked = RULE | {"rule": "plausible", "outcome": "not_checked", "measured": None, "limit": None}
    _, text = drawn(Findings(rules=[unchecked, RULE | {"rows_file": "failing/1.parquet"}]))
    said = Elements(text).said
    assert "1 failed, 1 not checked" in said
    assert "rows on site: failing/1.parquet" in said


def test_column_of_another_type_is_not_drawn_over(splits):
    frame = pl.LazyFrame({"n": [datetime(2013, 1, 1 + number % 28) for number in range(500)]})
    reference = make_profile(SUBJECT, {"train": measure_columns(frame, {"n": None})})
    drift, _ = compare_splits(splits, reference, {})
    text = drawn(Findings(columns=splits, drift=drift), reference)[1]
    assert text.count('class="champion"') == 1  # the legend's
    assert drift["train"][0].status == "retyped"


def test_report_of_data_that_could_not_be_read_says_why():
    report, text = drawn(Findings(rejection="The file a.parquet is not readable."))
    assert (report["verdict"], report["rows"], report["suppressed"]) == ("rejected", {}, [])
    assert "The file a.parquet is not readable." in Elements(text).said
    assert "Not compared: the data could not be measured." in Elements(text).said


@pytest.mark.parametrize(
    ("findings", "verdict"),
    [
        (Findings(), "passed"),
        (Findings(rules=[RULE | {"outcome": "warned"}]), "warned"),
        (Findings(drift={"train": [ColumnDrift("x", "compared", 0.2, 0.1, "warn")]}), "warned"),
        (Findings(drift={"train": [ColumnDrift("x", "compared", 0.2, 0.1, "ok")]}), "passed"),
        (Findings(rejection="No."), "rejected"),
    ],
)
def test_verdict(findings, verdict):
    assert drawn(findings)[0]["verdict"] == verdict


@pytest.mark.parametrize(
    ("values", "said"), [([2013] * 50, "one value, or several"), ([1, 2] * 50, "at least 2 distinct")]
)
def test_number_of_distinct_values_reads_naturally(values, said):
    found = measure_columns(pl.LazyFrame({"n": values}), {"n": None})
    assert said in Elements(drawn(Findings(columns={"holdout": found}))[1]).said


def test_report_names_what_is_suppressed_and_why(splits):
    report, _ = drawn(Findings(columns=splits))
    assert {
        "split": "holdout",
        "column": "id",
        "reason": "too many of its values are in fewer than 10 rows each",
    } in report["suppressed"]


@pytest.mark.parametrize(
    ("reference", "note"),
    [
        (None, "no profile to compare with"),
        ({"version": 99}, "version 99, expected 1"),
        ("text", "version None"),
        ({"version": 1}, "damaged"),
        ({"version": 1, "splits": {"train": {"columns": [{"name": "n", "type": "number"}]}}}, "damaged"),
        ({"version": 1, "splits": {"train": {"columns": None}}}, "damaged"),
    ],
)
def test_reference_that_cannot_be_used_is_told_and_ends_nothing(splits, reference, note):
    drift, said = compare_splits(splits, reference, {})
    assert drift == {}
    assert note in said


def test_profile_survives_being_stored(splits):
    reference = json.loads(json.dumps(make_profile(SUBJECT, splits)))
    drift, note = compare_splits({"train": splits["train"]}, reference, {})
    assert note is None
    assert {one.psi for one in drift["train"]} == {0.0}


def test_worst_of_both_splits_is_told_of_each_column():
    drift = {
        "train": [ColumnDrift("x", "compared", 0.3, 0.1, "stop")],
        "holdout": [ColumnDrift("x", "compared", 0.1, 0.2, "warn"), ColumnDrift("y", "new")],
    }
    assert worst_drift(drift) == {
        "x": {"status": "compared", "psi": 0.3, "js": 0.2, "verdict": "stop"},
        "y": {"status": "new", "psi": None, "js": None, "verdict": "unjudged"},
    }
