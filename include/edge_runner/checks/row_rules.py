"""What rules ask of the values of single columns: whoever reads a column answers it, so it is read once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import chain
from typing import Any

import polars as pl

from edge_runner.checks.predicates import PREDICATES, broken
from edge_runner.contracts.model import Metric, Rule

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
    where: dict[str, dict[str, pl.Expr]] = {column: {} for column in schema}
    newest: dict[str, dict[str, pl.Expr]] = {column: {} for column in schema}
    for number, rule in enumerate(rules):
        if rule.metric in PREDICATES:
            where[rule.columns[0]][_name(number)] = broken(rule, schema)
        elif rule.metric is Metric.AGE:
            newest[rule.columns[0]][_name(number)] = _in_calendar(rule.columns[0], schema[rule.columns[0]])
    return {column: Questions(where[column], newest[column]) for column in schema}


def _in_calendar(name: str, dtype: pl.DataType) -> pl.Expr:
    """A column's dates or timestamps; those that Python's calendar does not have count as its ends."""
    column = pl.col(name)
    if dtype == pl.Date:
        return column.clip(date.min, date.max)
    return column if dtype == pl.Datetime("ns") else column.clip(datetime.min, datetime.max)  # ns end in 2262


def merged(rules: Sequence[Rule], parts: Iterable[Answers]) -> dict[Rule, Any]:
    """The answers for all rows together.

    Args:
        rules: Those that the questions were made of.
        parts: Answers for parts of the rows or columns; what else is in them is passed over.
    """
    values: dict[str, list[Any]] = defaultdict(list)
    for name, value in chain.from_iterable(part.items() for part in parts):
        if value is not None:
            values[name].append(value)
    counts = {rule: sum(values[_name(at)]) for at, rule in enumerate(rules) if rule.metric in PREDICATES}
    newest = {
        rule: max(values[_name(at)], default=None)
        for at, rule in enumerate(rules)
        if rule.metric is Metric.AGE
    }
    return counts | newest


def _name(number: int) -> str:
    return f"rule {number}"
