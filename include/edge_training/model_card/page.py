"""The model card as a page for people: self-contained, drawn like the report on the data."""

from __future__ import annotations

import re

from edge_runner.profiles.cards import column_cards
from edge_runner.profiles.disclosure import K
from edge_runner.profiles.layout import chip, digest, document, facts, heading, table
from edge_runner.profiles.markup import Markup, element, join
from edge_training.model_card.curves import curve_cards
from edge_training.model_card.sections import Card, Section, Table

_CHIPS = {"passed", "failed", "ok", "warn", "stop"}
_HEX = re.compile(r"\b([0-9a-f]{32,64})\b")


def drawn(card: Card) -> str:
    """The whole page."""
    return document(
        f"{card.title}: {card.state}",
        join(element("h1", card.title), chip("passed" if card.is_accepted else "rejected", card.state)),
        element("p", card.verdict, class_="quiet" if card.is_accepted else "rejection"),
        *(_section(section) for section in card.sections if not section.is_empty),
        curve_cards(card.curves),
        column_cards(card.profile, None, card.drift) if card.profile else None,
        element(
            "footer",
            f"Only aggregates: groups of fewer than {K} rows are not told; counts of values are rounded down "
            f"to multiples of {K}.",
        ),
    )


def _section(section: Section) -> Markup:
    return join(
        heading(section.title, section.detail),
        facts((label, _said(text)) for label, text in section.facts) if section.facts else None,
        _table(section.table) if section.table and section.table.rows else None,
    )


def _said(text: str) -> Markup:
    """A text in which only the beginnings of digests and commits are shown."""
    pieces = _HEX.split(text)
    return join(*(digest(piece) if number % 2 else piece for number, piece in enumerate(pieces)))


def _table(found: Table) -> Markup:
    rows = [element("tr", _verdict(row[0]), *(element("td", text) for text in row[1:])) for row in found.rows]
    return table([(name, None) for name in found.heads], rows)


def _verdict(text: str) -> Markup:
    return element("td", chip(text if text in _CHIPS else "neutral", text), class_="chip-cell")
