"""What a model card holds, before it is written as Markdown or drawn as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Table:
    """A table of texts whose first column is a verdict.

    Attributes:
        heads: Names of its columns.
        rows: As many texts each.
    """

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Section:
    """A part of the card; one that has neither facts nor rows is left out.

    Attributes:
        title: Its title.
        detail: What stands beside the title.
        facts: Labels and what they stand for.
        table: Its table, if it has one.
    """

    title: str
    detail: str
    facts: Sequence[tuple[str, str]] = ()
    table: Table | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it has nothing to say."""
        return not self.facts and not (self.table and self.table.rows)


@dataclass(frozen=True)
class Card:
    """A model card.

    Attributes:
        title: What it is of.
        verdict: What the gates came to, in words.
        is_accepted: Whether it may serve.
        sections: Its parts.
        curves: Points of the training's metrics, step and value, by name.
        profile: The profile of the data; None where there is none to draw.
        drift: What the drift of a column means; a column may be missing.
    """

    title: str
    verdict: str
    is_accepted: bool
    sections: Sequence[Section]
    curves: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)
    profile: Mapping[str, Any] | None = None
    drift: Mapping[str, str] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """The verdict in a word."""
        return "Accepted" if self.is_accepted else "Rejected"
