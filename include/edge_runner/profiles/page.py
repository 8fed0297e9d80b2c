"""The report as one page for people: no script, nothing fetched from elsewhere, every text escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edge_runner.profiles.cards import column_cards
from edge_runner.profiles.disclosure import K
from edge_runner.profiles.drift import MEASURES, VERDICTS, worst
from edge_runner.profiles.layout import NONE, chip, digest, document, facts, heading, table
from edge_runner.profiles.markup import Markup, element, join
from edge_runner.profiles.wording import count_text

TITLES = {"rejected": "Rejected", "warned": "Passed with warnings", "passed": "Passed"}
SPLIT_NAMES = {"holdout": "partition", "train": "window"}
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
        column_cards(profile, reference, _column_verdicts(report["drift"])),
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
    found = {
        split: {column["column"]: column for column in columns} for split, columns in drift["splits"].items()
    }
    splits = [split for split in SPLIT_NAMES if split in found]
    names = list(dict.fromkeys(name for columns in found.values() for name in columns))
    names.sort(key=lambda name: _nearness([found[split][name] for split in splits]))
    heads: list[tuple[str, str | None]] = [("Verdict", None), ("Column", None)]
    heads += [
        (f"{measure.upper()} {SPLIT_NAMES[split]}", "number") for split in splits for measure in MEASURES
    ]
    rows = [_drift_row(name, [found[split][name] for split in splits]) for name in names]
    return join(heading("Drift", _thresholds(drift["thresholds"])), table(heads, rows))


def _nearness(drifts: Sequence[Mapping[str, Any]]) -> tuple[int, float]:
    """What sorts the worst verdict and the largest index first."""
    verdict = worst([drift["verdict"] for drift in drifts])
    return -VERDICTS.index(verdict), -max(drift["psi"] or 0 for drift in drifts)


def _thresholds(thresholds: Mapping[str, Any]) -> str:
    """What the thresholds are, in words."""
    said = [
        f"{verdict} from {measure.upper()} {limit:g}"
        for measure in MEASURES
        for verdict, limit in thresholds.get(measure, {}).items()
    ]
    ignored = thresholds.get("ignore", [])
    said += [f"no verdict on {', '.join(ignored)}"] if ignored else []
    return "; ".join(said) or "no thresholds are set"


def _drift_row(name: str, drifts: Sequence[Mapping[str, Any]]) -> Markup:
    verdict = worst([drift["verdict"] for drift in drifts])
    status = drifts[0]["status"]
    cells = [
        element("td", NONE if drift[measure] is None else f"{drift[measure]:.3f}", class_="number")
        for drift in drifts
        for measure in MEASURES
    ]
    verdict_chip = (
        chip("neutral", "not judged" if status == "compared" else status)
        if verdict == "unjudged"
        else chip(verdict, verdict)
    )
    return element("tr", element("td", verdict_chip, class_="chip-cell"), element("td", name), *cells)


def _column_verdicts(drift: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for columns in drift["splits"].values():
        for column in columns:
            found[column["column"]] = worst([column["verdict"], found.get(column["column"], "unjudged")])
    return found


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
