"""The report as one page for people: no script, nothing fetched from elsewhere, every text escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edge_runner.profiles.cards import column_cards
from edge_runner.profiles.disclosure import K
from edge_runner.profiles.drift_table import (
    SPLIT_NAMES,
    DriftRow,
    column_verdicts,
    drift_heads,
    drift_rows,
    thresholds_text,
)
from edge_runner.profiles.layout import NONE, chip, digest, document, facts, heading, table
from edge_runner.profiles.markup import Markup, element, join
from edge_runner.profiles.wording import count_text

TITLES = {"rejected": "Rejected", "warned": "Passed with warnings", "passed": "Passed"}
OUTCOMES = ("failed", "warned", "not_checked", "passed")
"""Those to look at first."""
OPEN_RULES = 12
"""So many rules that are kept are shown without being asked for."""


def page(report: Mapping[str, Any], profile: Mapping[str, Any], reference: Mapping[str, Any] | None) -> str:
    """Draw the page.

    Args:
        report: The report.
        profile: The profiles of both splits.
        reference: The champion's profile, when the splits were compared with it.
    """
    title = f"Data of {report['partition']}"
    verdict = TITLES[report["verdict"]]
    return document(
        f"{title}: {verdict}",
        join(element("h1", title), chip(report["verdict"], verdict)),
        element("p", report["rejection"], class_="rejection") if report["rejection"] else None,
        _facts(report, reference),
        _rules(report["rules"]),
        _drift(report["drift"]),
        column_cards(profile, reference, column_verdicts(report["drift"])),
        _withheld(report),
        element(
            "footer",
            f"Report version {report['version']}. Only aggregates: groups of fewer than {K} rows are not "
            f"told; counts of values are rounded down to multiples of {K}.",
        ),
    )


def _facts(report: Mapping[str, Any], reference: Mapping[str, Any] | None) -> Markup:
    contract = report["contract"]
    rows, files = report["rows"], report["files"]
    told: list[tuple[str, str | Markup | None]] = [
        ("Model", report["model"]),
        ("Partition", _size(rows.get("holdout"), files.get("holdout"))),
        ("Window before it", _size(rows.get("train"), files.get("train"))),
        ("Data digest", digest(report["data_digest"])),
        ("Contract", " ".join(part for part in (contract["name"], contract["version"]) if part)),
        ("Contract digest", digest(contract["digest"])),
        ("Compared with", _origin(reference) if reference else None),
    ]
    return facts(told)


def _size(rows: int | None, files: int | None) -> str:
    told = f"{files or 0} {'file' if files == 1 else 'files'}"
    return told if rows is None else f"{count_text(rows)} rows, {told}"


def _origin(reference: Mapping[str, Any]) -> Markup:
    return join(
        f"the champion's window before {reference['partition']}, data ", digest(reference["data_digest"])
    )


def _rules(rules: Sequence[Mapping[str, Any]]) -> Markup:
    if not rules:
        return join(heading("Rules"), element("p", "No rule was counted.", class_="quiet"))
    ordered = sorted(rules, key=lambda rule: OUTCOMES.index(rule["outcome"]))
    loud = [rule for rule in ordered if rule["outcome"] != "passed"]
    calm = [rule for rule in ordered if rule["outcome"] == "passed"]
    counts = [(_plain(outcome), sum(rule["outcome"] == outcome for rule in rules)) for outcome in OUTCOMES]
    kept = element("summary", f"{len(calm)} rules that are kept")
    return join(
        heading("Rules", ", ".join(f"{count} {outcome}" for outcome, count in counts if count)),
        _rule_table(loud) if loud else None,
        element("details", kept, _rule_table(calm), open="" if not loud and len(calm) <= OPEN_RULES else None)
        if calm
        else None,
    )


def _rule_table(rules: Sequence[Mapping[str, Any]]) -> Markup:
    heads = [("Verdict", None), ("Rule", None), ("Column", None), ("Measured", "number"), ("Limit", None)]
    rows = [
        element(
            "tr",
            element("td", chip(rule["outcome"], _plain(rule["outcome"])), class_="chip-cell"),
            element("td", rule["rule"]),
            element("td", rule["column"] or element("span", "whole table", class_="quiet")),
            element("td", _measured(rule), class_="number"),
            element("td", rule["limit"], *_rows_place(rule)),
        )
        for rule in rules
    ]
    return table(heads, rows)


def _measured(rule: Mapping[str, Any]) -> str:
    if rule["measured"] is None:
        return NONE
    is_share = rule["limit"] is not None and rule["limit"].endswith("percent")
    return f"{rule['measured']:.4g} %" if is_share else count_text(round(rule["measured"]))


def _plain(outcome: str) -> str:
    return outcome.replace("_", " ")


def _rows_place(rule: Mapping[str, Any]) -> list[Markup]:
    """Where rows that break the rule are kept on the site."""
    if "rows_file" not in rule:
        return []
    return [
        element("br"),
        element("span", "rows on site: ", element("code", rule["rows_file"]), class_="quiet"),
    ]


def _drift(drift: Mapping[str, Any]) -> Markup:
    if drift["note"] is not None:
        return join(heading("Drift"), element("p", f"Not compared: {drift['note']}.", class_="quiet"))
    heads: list[tuple[str, str | None]] = [("Verdict", None), ("Column", None)]
    heads += [(name, "number") for name in drift_heads(drift)]
    rows = [_drift_row(row) for row in drift_rows(drift)]
    return join(heading("Drift", thresholds_text(drift["thresholds"])), table(heads, rows))


def _drift_row(row: DriftRow) -> Markup:
    style = "neutral" if row.verdict == "unjudged" else row.verdict
    cells = (element("td", text, class_="number") for text in row.measures)
    said = element("td", chip(style, row.said), class_="chip-cell")
    return element("tr", said, element("td", row.column), *cells)


def _withheld(report: Mapping[str, Any]) -> Markup:
    if not report["suppressed"]:
        return join(heading("Not shown"), element("p", "Nothing but the rows themselves.", class_="quiet"))
    found: dict[tuple[str, str], list[str]] = {}
    for entry in report["suppressed"]:
        found.setdefault((entry["column"], entry["reason"]), []).append(SPLIT_NAMES[entry["split"]])
    rows = [
        element("tr", element("td", column), element("td", " and ".join(splits)), element("td", reason))
        for (column, reason), splits in found.items()
    ]
    return join(heading("Not shown"), table([("Column", None), ("In", None), ("Why", None)], rows))
