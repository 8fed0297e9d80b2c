"""Measures a contract's rules. What they ask of single columns is answered by whoever reads these
(`row_rules`); keys and queries are measured here.

A result holds counts and limits, never a value of a row.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from edge_runner.checks.outcomes import WITHOUT_ROWS, Outcome, share_or_count
from edge_runner.checks.patterns import in_rust
from edge_runner.checks.predicates import PREDICATES, broken
from edge_runner.checks.row_rules import Answers, merged
from edge_runner.checks.sql_rules import measure_queries, require_queries, sql_rules
from edge_runner.checks.uniqueness import count_duplicates
from edge_runner.contracts.document import invalid
from edge_runner.contracts.dtypes import json_dtype, require_known_types
from edge_runner.contracts.model import Column, Contract, Metric, Rule
from edge_runner.tables.table import Table


def require_measurable(contract: Contract) -> None:
    """Refuse types, patterns, bounds and queries that cannot be computed, before any data is read.

    Raises:
        StepError: kind `ContractInvalid`.
    """
    require_known_types(contract.columns)
    schema = {column.name: _trial_dtype(column) for column in contract.columns}
    empty = pl.LazyFrame(schema=schema)
    for rule in contract.rules:
        try:
            if rule.metric is Metric.NOT_MATCHING:
                pl.Series([""]).str.contains(in_rust(rule.argument))
            if rule.metric in PREDICATES:
                empty.select(broken(rule, schema).sum()).collect()
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, TypeError, OverflowError):
            raise invalid(
                f"{rule.name} of column {rule.columns[0]!r} does not fit its type: {rule.argument!r}",
                "use no look-around and no back-reference in a pattern, and bounds of the column's own type",
            ) from None
    require_queries(contract)


def _trial_dtype(column: Column) -> pl.DataType:
    if column.logical_type == "object":
        return pl.Struct({field.name: _trial_dtype(field) for field in column.fields})
    if column.logical_type == "array":
        return pl.List(_trial_dtype(column.item) if column.item else pl.String())
    return json_dtype(column) or pl.String()


def measure(
    contract: Contract, table: Table, partition: str, scratch: Path, rows: int, answers: Iterable[Answers]
) -> list[Outcome]:
    """Measure every rule.

    Args:
        contract: The rules.
        table: The data.
        partition: The day against whose end freshness is measured.
        scratch: Where hashes and what does not fit into memory lie meanwhile.
        rows: How many there are.
        answers: To the rules' `questions`, of parts that together are all rows.

    Returns:
        The outcomes: first the types of text files' cells, then the contract's rules.
    """
    rules = contract.rules
    counted: dict[Rule, float | None] = dict.fromkeys(rules, rows) | merged(rules, answers)
    keys = [rule for rule in rules if rule.metric is Metric.DUPLICATES]
    counts = count_duplicates(table.frame(), [rule.columns for rule in keys], scratch)
    counted |= dict(zip(keys, counts, strict=True))
    queries = sql_rules(rules)
    counted |= dict(zip(queries, measure_queries(queries, contract.table, table, scratch), strict=True))
    counted |= {rule: _age_s(counted[rule], rule, partition) for rule in rules if rule.metric is Metric.AGE}
    return [*_type_outcomes(table), *(_outcome(rule, counted[rule], rows) for rule in rules)]


def _outcome(rule: Rule, measured: float | None, rows: int) -> Outcome:
    if rule.metric in WITHOUT_ROWS - {Metric.ROWS}:
        return Outcome(rule, 0, measured)
    counted = int(measured or 0)
    return Outcome(rule, counted, share_or_count(rule, counted, rows))


def _age_s(newest: Any, rule: Rule, partition: str) -> float | None:
    """Seconds from the newest moment to the end of the partition's day in its column's zone, if there is one.

    The partition's day and not the clock: a backfill of an old partition is as fresh as it was then, and the
    same data get the same verdict whenever it is asked for.
    """
    try:
        day = date.fromisoformat(partition) + timedelta(days=1)
    except ValueError:
        raise invalid(
            f"{rule.name} is measured from the end of the partition's day, and {partition!r} is none",
            "name partitions by day, such as 2013-02-01",
        ) from None
    if newest is None:
        return None
    if not isinstance(newest, datetime):
        return float((day - newest).days * 86_400)
    end = datetime(day.year, day.month, day.day, tzinfo=zoneinfo.ZoneInfo(rule.argument))
    age = end.astimezone(UTC).replace(tzinfo=None) - newest
    return age.total_seconds()


def _type_outcomes(table: Table) -> list[Outcome]:
    """One for each column with cells that cannot be read as its type; only text files have such."""
    return [
        Outcome(_type_rule(column), count, count, by_file)
        for column in table.columns
        if (by_file := table.wrong.get(column.name)) and (count := sum(number for _, number in by_file))
    ]


def _type_rule(column: Column) -> Rule:
    expected = column.physical_type or column.logical_type or "string"
    return Rule("type", Metric.WRONG_TYPE, (column.name,), expected)
