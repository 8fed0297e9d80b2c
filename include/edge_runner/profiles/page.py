"""The report as one page for people: no script, nothing fetched from elsewhere, every text escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_runner.profiles.disclosure import K
from edge_runner.profiles.drift import MEASURES, VERDICTS, worst
from edge_runner.profiles.markup import Markup, element, join
from edge_runner.profiles.plots import Series, bars, histogram
from edge_runner.profiles.wording import count_text, share_text

STYLE = Path(__file__).with_name("style.css")
TITLES = {"rejected": "Rejected", "warned": "Passed with warnings", "passed": "Passed"}
SPLIT_NAMES = {"holdout": "partition", "train": "window"}
OUTCOMES = ("failed", "warned", "not_checked", "passed")
"""Those to look at first."""
_DIGEST_CHARS = 12
OPEN_RULES = 12
"""So many rules that are kept are shown without being asked for."""
NONE = "\N{EN DASH}"


def page(report: Mapping[str, Any], profile: Mapping[str, Any], reference: Mapping[str, Any] | None) -> str:
    """Draw the page.

    Args:
        report: The report.
        profile: The profiles of both splits.
        reference: The champion's profile, when the splits were compared with it.
    """
    title = f"Data of {report['partition']}"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{title}: {TITLES[report['verdict']]}"),
        element("style", Markup(STYLE.read_text())),
    )
    body = element(
        "body",
        element("header", element("h1", title), _chip(report["verdict"], TITLES[report["verdict"]])),
        element("p", report["rejection"], class_="rejection") if report["rejection"] else None,
        _facts(report, reference),
        _rules(report["rules"]),
        _drift(report["drift"]),
        _columns(report, profile, reference),
        _withheld(report),
        element(
            "footer",
            f"Report version {report['version']}. Only aggregates: groups of fewer than {K} rows are not "
            f"told; counts of values are rounded down to multiples of {K}.",
        ),
    )
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _facts(report: Mapping[str, Any], reference: Mapping[str, Any] | None) -> Markup:
    contract = report["contract"]
    rows, files = report["rows"], report["files"]
    facts: list[tuple[str, str | Markup | None]] = [
        ("Model", report["model"]),
        ("Partition", _size(rows.get("holdout"), files.get("holdout"))),
        ("Window before it", _size(rows.get("train"), files.get("train"))),
        ("Data digest", _digest(report["data_digest"])),
        ("Contract", " ".join(part for part in (contract["name"], contract["version"]) if part)),
        ("Contract digest", _digest(contract["digest"])),
        ("Compared with", _origin(reference) if reference else None),
    ]
    return element(
        "dl", *(element("div", element("dt", name), element("dd", said)) for name, said in facts if said)
    )


def _size(rows: int | None, files: int | None) -> str:
    told = f"{files or 0} {'file' if files == 1 else 'files'}"
    return told if rows is None else f"{count_text(rows)} rows, {told}"


def _digest(digest: str | None) -> Markup | None:
    return element("span", digest[:_DIGEST_CHARS], class_="digest", title=digest) if digest else None


def _origin(reference: Mapping[str, Any]) -> Markup:
    return join(
        f"the champion's window before {reference['partition']}, data ", _digest(reference["data_digest"])
    )


def _chip(style: str, text: str) -> Markup:
    return element("span", text, class_=f"chip {style}")


def _heading(text: str, detail: str | None = None) -> Markup:
    return element("h2", text, element("small", detail) if detail else None)


def _table(heads: Sequence[tuple[str, str | None]], rows: Sequence[Markup]) -> Markup:
    cells = (element("th", name, class_=style, scope="col") for name, style in heads)
    table = element("table", element("thead", element("tr", *cells)), element("tbody", *rows))
    return element("div", table, class_="scroll")


def _rules(rules: Sequence[Mapping[str, Any]]) -> Markup:
    if not rules:
        return join(_heading("Rules"), element("p", "No rule was counted.", class_="quiet"))
    ordered = sorted(rules, key=lambda rule: OUTCOMES.index(rule["outcome"]))
    loud = [rule for rule in ordered if rule["outcome"] != "passed"]
    calm = [rule for rule in ordered if rule["outcome"] == "passed"]
    counts = [(_plain(outcome), sum(rule["outcome"] == outcome for rule in rules)) for outcome in OUTCOMES]
    kept = element("summary", f"{len(calm)} rules that are kept")
    return join(
        _heading("Rules", ", ".join(f"{count} {outcome}" for outcome, count in counts if count)),
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
            element("td", _chip(rule["outcome"], _plain(rule["outcome"])), class_="chip-cell"),
            element("td", rule["rule"]),
            element("td", rule["column"] or element("span", "whole table", class_="quiet")),
            element("td", _measured(rule), class_="number"),
            element("td", rule["limit"], *_rows_place(rule)),
        )
        for rule in rules
    ]
    return _table(heads, rows)


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
        return join(_heading("Drift"), element("p", f"Not compared: {drift['note']}.", class_="quiet"))
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
    return join(_heading("Drift", _thresholds(drift["thresholds"])), _table(heads, rows))


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
    chip = (
        _chip("neutral", "not judged" if status == "compared" else status)
        if verdict == "unjudged"
        else _chip(verdict, verdict)
    )
    return element("tr", element("td", chip, class_="chip-cell"), element("td", name), *cells)


def _columns(
    report: Mapping[str, Any], profile: Mapping[str, Any], reference: Mapping[str, Any] | None
) -> Markup | None:
    splits = {split: _by_name(profile["splits"].get(split)) for split in SPLIT_NAMES}
    champion = _by_name(reference["splits"]["train"]) if reference else {}
    names = list(splits["holdout"] or splits["train"])
    if not names:
        return None
    kinds = {name: (splits["holdout"] or splits["train"])[name]["type"] for name in names}
    verdicts = _column_verdicts(report["drift"])
    cards = [
        _card(
            [
                Series(style, columns[name])
                for style, columns in (
                    ("partition", splits["holdout"]),
                    ("window", splits["train"]),
                    ("champion", champion),
                )
                if columns.get(name, {}).get("type") == kinds[name]
            ],
            verdicts.get(name, "unjudged"),
        )
        for name in names
    ]
    return join(_heading("Columns"), _legend(bool(champion)), element("div", *cards, class_="cards"))


def _by_name(split: Mapping[str, Any] | None) -> dict[str, Any]:
    return {column["name"]: column for column in split["columns"]} if split else {}


def _column_verdicts(drift: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for columns in drift["splits"].values():
        for column in columns:
            found[column["column"]] = worst([column["verdict"], found.get(column["column"], "unjudged")])
    return found


def _legend(has_champion: bool) -> Markup:
    def entry(style: str, d: str, text: str) -> Markup:
        return element("span", element("svg", element("path", class_=style, d=d), viewBox="0 0 18 10"), text)

    return element(
        "p",
        entry("partition", "M0 10V3H18V10Z", "partition"),
        entry("window", "M0 5H18", "window before it"),
        entry("champion", "M0 5H18", "champion's window") if has_champion else None,
        class_="legend",
    )


def _card(series: Sequence[Series], verdict: str) -> Markup:
    column = series[0].column
    values, nulls = column["values"] or 0, column["nulls"]
    facts = [column["type"], f"{share_text(nulls, values + (nulls or 0))} null"]
    if column["nans"] != 0:
        facts.append(f"{share_text(column['nans'], values)} NaN")
    if "distinct" in column:
        facts.append(_distinct(column))
    if column["public"]:
        facts.append("public")
    chip = _chip(verdict, f"drift: {verdict}") if verdict in ("warn", "stop") else None
    drawing = bars(series) if "categories" in column else histogram(series)
    return element(
        "article",
        element("header", element("h3", column["name"]), chip),
        element("p", " · ".join(facts), class_="facts"),
        drawing or element("p", _instead(column), class_="note"),
        class_="card",
    )


def _distinct(column: Mapping[str, Any]) -> str:
    """How many values there are; bins tell close ones not apart, so there may be more."""
    if "bins" not in column:
        return f"{count_text(column['distinct'])} distinct"
    if column["distinct"] == 1:
        return "one value, or several very close ones"
    return f"at least {count_text(column['distinct'])} distinct"


def _instead(column: Mapping[str, Any]) -> str:
    """What stands in the place of a plot."""
    if "suppressed" in column:
        return f"Not shown: {column['suppressed']}."
    return f"Too few values, or too much alike, for bins of at least {K} rows."


def _withheld(report: Mapping[str, Any]) -> Markup:
    if not report["suppressed"]:
        return join(_heading("Not shown"), element("p", "Nothing but the rows themselves.", class_="quiet"))
    found: dict[tuple[str, str], list[str]] = {}
    for entry in report["suppressed"]:
        found.setdefault((entry["column"], entry["reason"]), []).append(SPLIT_NAMES[entry["split"]])
    rows = [
        element("tr", element("td", column), element("td", " and ".join(splits)), element("td", reason))
        for (column, reason), splits in found.items()
    ]
    return join(_heading("Not shown"), _table([("Column", None), ("In", None), ("Why", None)], rows))
