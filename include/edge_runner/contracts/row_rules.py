"""What rules ask of the values of single columns: whoever reads a column answers it, so it is read once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from edge_runner.contracts.model import Metric, Rule
from edge_runner.contracts.predicates import PREDICATES, broken

Answers = Mapping[str, Any]
"""By the name of a question: how many rows break a rule, or the newest value; None where there is none."""


@dataclass(frozen=True)
class Questions:
    """What is asked of one column.

    Attributes:
        broken: By name, where a row breaks a rule; such rows are counted.
        newest: By name, the column whose newest value is wanted.
    """

    broken: Mapping[str, pl.Expr] = field(default_factory=dict)
    newest: Mapping[str, pl.Expr] = field(default_factory=dict)

    def of_rows(self) -> dict[str, pl.Expr]:
        """The questions as aggregates of all rows."""
        return {name: where.sum() for name, where in self.broken.items()} | self._newest()

    def of_groups(self, rows: str) -> dict[str, pl.Expr]:
        """The same as aggregates of the column's distinct values, null among them.

        Args:
            rows: The name of the column that says in how many rows each value stands.
        """
        return {
            name: pl.col(rows).filter(where).sum() for name, where in self.broken.items()
        } | self._newest()

    def _newest(self) -> dict[str, pl.Expr]:
        return {name: column.max() for name, column in self.newest.items()}


def questions(rules: Sequence[Rule], schema: Mapping[str, pl.DataType]) -> dict[str, Questions]:
    """What rules ask of each column of the normalised data; rules that need more than that are left out."""
    return {
        column: Questions(
            {name: broken(rule, schema) for name, rule in _of(column, rules) if rule.metric in PREDICATES},
            {name: pl.col(column) for name, rule in _of(column, rules) if rule.metric is Metric.AGE},
        )
        for column in schema
    }


def merged(rules: Sequence[Rule], parts: Iterable[Answers]) -> dict[Rule, Any]:
    """The answers for all rows together, from those for parts of them."""
    answers = list(parts)
    found: dict[Rule, Any] = {}
    for number, rule in enumerate(rules):
        values = [part[_name(number)] for part in answers if part.get(_name(number)) is not None]
        if rule.metric is Metric.AGE:
            found[rule] = max(values, default=None)
        elif rule.metric in PREDICATES:
            found[rule] = sum(values)
    return found


def _of(column: str, rules: Sequence[Rule]) -> list[tuple[str, Rule]]:
    return [(_name(number), rule) for number, rule in enumerate(rules) if rule.columns[:1] == (column,)]


def _name(number: int) -> str:
    return f"rule {number}"
