"""Turns a contract's rules into Polars expressions, one count each; all of them run in one streaming pass.

A result holds counts and limits, never a value of a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from edge_runner.contracts.compiler import Column, Contract, Metric, Rule
from edge_runner.contracts.document import invalid

LOGICAL_DTYPES: Mapping[str, Callable[[pl.DataType], bool]] = {
    "string": lambda dtype: dtype == pl.String or dtype == pl.Categorical or dtype == pl.Enum,
    "integer": lambda dtype: dtype.is_integer(),
    "number": lambda dtype: dtype.is_numeric(),
    "boolean": lambda dtype: dtype == pl.Boolean,
    "date": lambda dtype: dtype == pl.Date,
    "timestamp": lambda dtype: dtype == pl.Datetime,
    "time": lambda dtype: dtype == pl.Time,
}
PHYSICAL_DTYPES: Mapping[str, type[pl.DataType]] = {
    "BOOLEAN": pl.Boolean,
    "INT8": pl.Int8,
    "TINYINT": pl.Int8,
    "INT16": pl.Int16,
    "SMALLINT": pl.Int16,
    "INT32": pl.Int32,
    "INT": pl.Int32,
    "INTEGER": pl.Int32,
    "INT64": pl.Int64,
    "BIGINT": pl.Int64,
    "UINT8": pl.UInt8,
    "UINT16": pl.UInt16,
    "UINT32": pl.UInt32,
    "UINT64": pl.UInt64,
    "FLOAT": pl.Float32,
    "REAL": pl.Float32,
    "DOUBLE": pl.Float64,
    "DECIMAL": pl.Decimal,
    "STRING": pl.String,
    "VARCHAR": pl.String,
    "DATE": pl.Date,
    "TIMESTAMP": pl.Datetime,
    "TIME": pl.Time,
}
ROWS = "rows"


@dataclass(frozen=True)
class Outcome:
    """What became of one rule.

    Attributes:
        rule: The rule.
        counted: What its metric counted.
        measured: The same in the limit's unit.
    """

    rule: Rule
    counted: int
    measured: float

    @property
    def verdict(self) -> str:
        """`passed`, `failed` or `warned`."""
        if self.rule.limit.allows(self.measured):
            return "passed"
        return "warned" if self.rule.warns_only else "failed"

    @property
    def failed_rows(self) -> int:
        """Rows that speak against the rule; 0 for a rule about the number of rows."""
        return 0 if self.rule.metric is Metric.ROWS else self.counted

    def report(self) -> dict[str, Any]:
        """The outcome as JSON."""
        return {
            "rule": self.rule.name,
            "column": ", ".join(self.rule.columns) or None,
            "outcome": self.verdict,
            "failed_rows": self.failed_rows,
            "measured": round(self.measured, 6),
            "limit": str(self.rule.limit),
        }

    def sentence(self) -> str:
        """The outcome of a broken rule as part of a sentence."""
        where = f" of column {', '.join(self.rule.columns)}" if self.rule.columns else ""
        unit = "percent of rows" if self.rule.limit.in_percent else "rows"
        argument = f" {self.rule.argument}" if isinstance(self.rule.argument, int | float | str) else ""
        counts = "counts" if self.rule.metric is Metric.ROWS else "is broken by"
        return f"{self.rule.name}{argument}{where} {counts} {self.measured:.4g} {unit}, {self.rule.limit}"


def check_types(contract: Contract) -> None:
    """Refuse physical types and patterns that Polars does not know, before any data is read.

    Raises:
        StepError: kind `ContractInvalid`.
    """
    for column in contract.columns:
        if column.physical_type is not None and column.physical_type not in PHYSICAL_DTYPES:
            raise invalid(f"physicalType {column.physical_type!r} of column {column.name!r} is not supported")
    for rule in contract.rules:
        if rule.metric is Metric.NOT_MATCHING:
            try:
                pl.Series([""]).str.contains(rule.argument)
            except pl.exceptions.ComputeError:
                raise invalid(
                    f"the pattern of column {rule.columns[0]!r} is not supported: {rule.argument!r}",
                    "write it without look-around and back-references",
                ) from None


def type_mismatch(column: Column, dtype: pl.DataType | None) -> str | None:
    """Explain why a file's column is not what the contract says.

    Args:
        column: The contract's column.
        dtype: Type in the file, None when it is missing.

    Returns:
        The end of a sentence, or None when it fits.
    """
    if dtype is None:
        return f"has no column {column.name!r}"
    if column.logical_type is not None and not LOGICAL_DTYPES[column.logical_type](dtype):
        return f"has column {column.name!r} as {dtype}, expected {column.logical_type}"
    if column.physical_type is not None and dtype != PHYSICAL_DTYPES[column.physical_type]:
        return f"has column {column.name!r} as {dtype}, expected {column.physical_type}"
    if isinstance(dtype, pl.Datetime) and column.has_timezone not in (None, dtype.time_zone is not None):
        expected = "a time zone" if column.has_timezone else "no time zone"
        return f"has column {column.name!r} as {dtype}, expected {expected}"
    return None


def normalised(frame: pl.LazyFrame, schema: Mapping[str, pl.DataType]) -> pl.LazyFrame:
    """Bring types to the forms that rules compare with: text, floats, timestamps in UTC without a zone."""
    changes = []
    for name, dtype in schema.items():
        if dtype == pl.Categorical or dtype == pl.Enum:
            changes.append(pl.col(name).cast(pl.String))
        elif dtype == pl.Decimal:
            changes.append(pl.col(name).cast(pl.Float64))
        elif isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
            changes.append(pl.col(name).dt.convert_time_zone("UTC").dt.replace_time_zone(None))
    return frame.with_columns(changes)


def evaluate(frame: pl.LazyFrame, rules: Iterable[Rule]) -> tuple[int, list[Outcome]]:
    """Count everything in one streaming pass.

    Args:
        frame: Normalised data with the contract's columns.
        rules: What to count.

    Returns:
        The number of rows and each rule's outcome.
    """
    listed = list(rules)
    counts = [COUNTERS[rule.metric](rule).alias(str(number)) for number, rule in enumerate(listed)]
    row = frame.select(pl.len().alias(ROWS), *counts).collect(engine="streaming").row(0, named=True)
    rows = int(row[ROWS])
    return rows, [_outcome(rule, int(row[str(number)] or 0), rows) for number, rule in enumerate(listed)]


def _outcome(rule: Rule, counted: int, rows: int) -> Outcome:
    if not rule.limit.in_percent:
        return Outcome(rule, counted, counted)
    return Outcome(rule, counted, 100.0 * counted / rows if rows else 0.0)


def _column(rule: Rule) -> pl.Expr:
    return pl.col(rule.columns[0])


def _is_listed(rule: Rule) -> pl.Expr:
    values = [value for value in rule.argument if value is not None]
    is_float = any(isinstance(value, float) for value in values)
    return (_column(rule).cast(pl.Float64) if is_float else _column(rule)).is_in(values)


def _missing(rule: Rule) -> pl.Expr:
    listed = _is_listed(rule).sum()
    return listed + _column(rule).null_count() if None in rule.argument else listed


def _duplicates(rule: Rule) -> pl.Expr:
    if len(rule.columns) == 1:
        return _column(rule).count() - _column(rule).drop_nulls().n_unique()
    complete = pl.all_horizontal(pl.col(name).is_not_null() for name in rule.columns)
    return complete.sum() - pl.struct(rule.columns).filter(complete).n_unique()


def _outside(rule: Rule, is_inside: pl.Expr) -> pl.Expr:
    """Count values that are not inside; NaN never is, although Polars sorts it above all numbers."""
    if isinstance(rule.argument, int | float):
        return (~is_inside | _column(rule).is_nan()).sum()
    return (~is_inside).sum()


COUNTERS: Mapping[Metric, Callable[[Rule], pl.Expr]] = {
    Metric.ROWS: lambda rule: pl.len(),
    Metric.NULLS: lambda rule: _column(rule).null_count(),
    Metric.MISSING: _missing,
    Metric.NOT_IN_SET: lambda rule: (~_is_listed(rule)).sum(),
    Metric.NOT_MATCHING: lambda rule: (~_column(rule).str.contains(rule.argument)).sum(),
    Metric.DUPLICATES: _duplicates,
    Metric.BELOW: lambda rule: _outside(rule, _column(rule) >= rule.argument),
    Metric.NOT_ABOVE: lambda rule: _outside(rule, _column(rule) > rule.argument),
    Metric.ABOVE: lambda rule: _outside(rule, _column(rule) <= rule.argument),
    Metric.NOT_BELOW: lambda rule: _outside(rule, _column(rule) < rule.argument),
    Metric.NO_MULTIPLE: lambda rule: _outside(rule, _column(rule) % rule.argument == 0),
    Metric.SHORTER: lambda rule: (_column(rule).str.len_chars() < rule.argument).sum(),
    Metric.LONGER: lambda rule: (_column(rule).str.len_chars() > rule.argument).sum(),
}
