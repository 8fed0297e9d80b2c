"""What became of the rules: counts, limits and verdicts, never a value of a row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from edge_runner.contracts.model import Metric, Rule
from edge_runner.sentences import first_few, number_of

VALUELESS = frozenset({Metric.SQL, Metric.AGE})
"""What these measure may be a value of a row (`select max(name)`), so only whether it is allowed is told."""
WITHOUT_ROWS = frozenset({Metric.ROWS, Metric.SQL, Metric.AGE, Metric.TEXT})


@dataclass(frozen=True)
class Outcome:
    """What became of one rule.

    Attributes:
        rule: The rule.
        counted: What its metric counted.
        measured: The same in the limit's unit; None when there is nothing to compare.
        by_file: For types: how many cells of which file cannot be read.
        rows_file: Where rows that break it lie, below the job's directory.
    """

    rule: Rule
    counted: int
    measured: float | None
    by_file: tuple[tuple[str, int], ...] = ()
    rows_file: str | None = None

    @property
    def verdict(self) -> str:
        """`passed`, `failed`, `warned` or, for a rule that is written for people, `not_checked`."""
        if self.rule.metric is Metric.TEXT:
            return "not_checked"
        if self.measured is not None and self.rule.limit.allows(self.measured):
            return "passed"
        return "warned" if self.rule.warns_only else "failed"

    @property
    def failed_rows(self) -> int:
        """Rows that speak against the rule; 0 for a rule that is not about single rows."""
        return 0 if self.rule.metric in WITHOUT_ROWS else self.counted

    def kept_in(self, rows_file: str) -> Outcome:
        """The same, with the place of its rows."""
        return replace(self, rows_file=rows_file)

    def report(self) -> dict[str, Any]:
        """The outcome as JSON."""
        is_told = self.rule.metric not in (*VALUELESS, Metric.TEXT) and self.measured is not None
        report: dict[str, Any] = {
            "rule": self.rule.name,
            "column": ", ".join(self.rule.columns) or None,
            "outcome": self.verdict,
            "failed_rows": self.failed_rows,
            "measured": round(self.measured or 0.0, 6) if is_told else None,
            "limit": self._limit,
        }
        return report | ({"rows_file": self.rows_file} if self.rows_file else {})

    def sentence(self) -> str:
        """The outcome of a broken rule as part of a sentence."""
        columns = self.rule.columns
        where = f" of column{'s' * (len(columns) > 1)} {', '.join(columns)}" if columns else ""
        match self.rule.metric:
            case Metric.SQL:
                return f"{self.rule.name}{where} gives a value that is not allowed, {self.rule.limit}"
            case Metric.AGE:
                return f"{self.rule.name} is not kept: the newest value{where} is older, or there is none"
            case Metric.TEXT:
                return f"{self.rule.name}{where} is written for people and not checked"
            case Metric.WRONG_TYPE:
                cells = number_of(self.counted, "cell that is", "cells that are")
                return f"column {columns[0]} has {cells} no {self._expected}"
        counts = "counts" if self.rule.metric is Metric.ROWS else "is broken by"
        amount = number_of(self.counted, "row", "rows")
        if self.rule.limit.in_percent:
            amount = f"{self.measured:.4g} percent of rows"
        return f"{self._title}{where} {counts} {amount}, {self.rule.limit}"

    @property
    def _limit(self) -> str | None:
        match self.rule.metric:
            case Metric.TEXT:
                return None
            case Metric.AGE:
                return f"must be at most {self.rule.limit.bounds[0] / 3600:g} hours old"
        return str(self.rule.limit)

    @property
    def _title(self) -> str:
        argument = self.rule.argument
        if self.rule.metric is Metric.NULLS and argument:
            return f"{self.rule.name} field {'.'.join(argument)}"
        is_shown = isinstance(argument, int | float | str) and str(argument) not in self.rule.name
        return f"{self.rule.name} {argument}" if is_shown else self.rule.name

    @property
    def _expected(self) -> str:
        """The type of cells that cannot be read, and in which files they are."""
        files = [f"{name}: {count}" for name, count in self.by_file]
        return f"{self.rule.argument} ({first_few(files, 'more files')})"


def share_or_count(rule: Rule, counted: int, rows: int) -> float:
    """A count in the unit of its rule's limit; a share is one of all rows, and 0 when there are none."""
    if not rule.limit.in_percent:
        return counted
    return 100.0 * counted / rows if rows else 0.0
