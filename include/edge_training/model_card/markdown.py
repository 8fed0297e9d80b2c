"""The model card as Markdown, for machines and for people without a browser."""

from __future__ import annotations

import re
from collections.abc import Sequence

from edge_training.model_card.sections import Card, Section, Table

_SPECIAL = re.compile(r"([\\`*|<\[\]])")


def written(card: Card) -> str:
    """The whole card; its plots are on the page beside it."""
    parts = [f"# {_text(card.title)}", f"**{card.state}**: {_text(card.verdict)}."]
    for section in card.sections:
        parts += [] if section.is_empty else _section(section)
    parts.append("Plots of curves and columns are in `model_card.html`.")
    return "\n\n".join(parts) + "\n"


def _section(section: Section) -> list[str]:
    told = [f"## {_text(section.title)}, {_text(section.detail)}"]
    if section.facts:
        told.append("\n".join(f"- {_text(label)}: {_text(said)}" for label, said in section.facts))
    if section.table and section.table.rows:
        told.append(_table(section.table))
    return told


def _table(table: Table) -> str:
    rule = ["---"] * len(table.heads)
    return "\n".join([_row(table.heads), f"| {' | '.join(rule)} |", *map(_row, table.rows)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_text, cells))} |"


def _text(text: str) -> str:
    """A text that stands for itself, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
