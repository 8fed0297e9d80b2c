"""The columns of a data set as cards: a few facts, and a plot of the values beside those compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edge_runner.profiles.disclosure import K
from edge_runner.profiles.layout import chip, heading
from edge_runner.profiles.markup import Markup, element, join
from edge_runner.profiles.plots import Series, bars, histogram
from edge_runner.profiles.wording import count_text, share_text


def column_cards(
    profile: Mapping[str, Any], reference: Mapping[str, Any] | None, verdicts: Mapping[str, str]
) -> Markup | None:
    """The section of all columns; None when nothing was measured.

    Args:
        profile: The profiles of both splits.
        reference: The champion's profile, when the splits were compared with it.
        verdicts: What the drift of a column means; a column may be missing.
    """
    splits = {split: _by_name(profile["splits"].get(split)) for split in ("holdout", "train")}
    champion = _by_name(reference["splits"]["train"]) if reference else {}
    columns = splits["holdout"] or splits["train"]
    if not columns:
        return None
    cards = [
        _card(
            [
                Series(style, found[name])
                for style, found in (
                    ("partition", splits["holdout"]),
                    ("window", splits["train"]),
                    ("champion", champion),
                )
                if found.get(name, {}).get("type") == column["type"]
            ],
            verdicts.get(name, "unjudged"),
        )
        for name, column in columns.items()
    ]
    return join(heading("Columns"), _legend(bool(champion)), element("div", *cards, class_="cards"))


def _by_name(split: Mapping[str, Any] | None) -> dict[str, Any]:
    return {column["name"]: column for column in split["columns"]} if split else {}


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
    drift = chip(verdict, f"drift: {verdict}") if verdict in ("warn", "stop") else None
    drawing = bars(series) if "categories" in column else histogram(series)
    return element(
        "article",
        element("header", element("h3", column["name"]), drift),
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
