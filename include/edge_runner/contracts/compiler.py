"""Compiles a data contract into rules: what to count, in which columns, and how much of it is allowed.

Pure: no data, no files. Whatever a contract asks for that is not known here is an error, never a silent pass.
The meaning of each metric is in `Metric`; the contract's words are those of ODCS v3
(https://bitol-io.github.io/open-data-contract-standard/latest/data-quality/).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from open_data_contract_standard.model import DataQuality, SchemaObject, SchemaProperty

from edge_runner.contracts.document import column_name, invalid, parse_table

LOGICAL_TYPES = frozenset({"string", "integer", "number", "boolean", "date", "timestamp", "time"})
BOUND_TYPES = frozenset({"integer", "number", "date", "timestamp"})
OPERATORS = {
    "mustBe": "must be {}",
    "mustNotBe": "must not be {}",
    "mustBeGreaterThan": "must be greater than {}",
    "mustBeGreaterOrEqualTo": "must be at least {}",
    "mustBeLessThan": "must be less than {}",
    "mustBeLessOrEqualTo": "must be at most {}",
    "mustBeBetween": "must be between {} and {}",
    "mustNotBeBetween": "must not be between {} and {}",
}
WARNING_SEVERITIES = frozenset({"warning", "info"})
UNSUPPORTED_OF_RULE = ("schedule", "scheduler", "method", "query", "engine", "implementation")


class Metric(StrEnum):
    """What a rule counts. Nulls count for `NULLS`, `MISSING` (when listed) and `ROWS` only."""

    ROWS = "rowCount"
    NULLS = "nullValues"
    MISSING = "missingValues"
    NOT_IN_SET = "validValues"
    NOT_MATCHING = "pattern"
    DUPLICATES = "duplicateValues"
    """Rows whose value, or combination of values, stood in an earlier row: rows minus distinct values."""
    BELOW = "minimum"
    NOT_ABOVE = "exclusiveMinimum"
    ABOVE = "maximum"
    NOT_BELOW = "exclusiveMaximum"
    NO_MULTIPLE = "multipleOf"
    SHORTER = "minLength"
    LONGER = "maxLength"


@dataclass(frozen=True)
class Column:
    """What the contract says about a column's type.

    Attributes:
        name: Name in the data.
        logical_type: One of `LOGICAL_TYPES`, or None when the contract leaves it open.
        physical_type: Upper-case name of the type in the file, without length, or None.
        has_timezone: For timestamps: whether a zone must be there; None leaves it open.
    """

    name: str
    logical_type: str | None
    physical_type: str | None
    has_timezone: bool | None


@dataclass(frozen=True)
class Limit:
    """How much of what a rule counts is allowed."""

    operator: str
    bounds: tuple[float, ...]
    in_percent: bool

    def allows(self, measured: float) -> bool:
        """Whether a count, or a share in percent, keeps the limit; between includes both ends."""
        low, high = self.bounds[0], self.bounds[-1]
        return {
            "mustBe": measured == low,
            "mustNotBe": measured != low,
            "mustBeGreaterThan": measured > low,
            "mustBeGreaterOrEqualTo": measured >= low,
            "mustBeLessThan": measured < low,
            "mustBeLessOrEqualTo": measured <= low,
            "mustBeBetween": low <= measured <= high,
            "mustNotBeBetween": not low <= measured <= high,
        }[self.operator]

    def __str__(self) -> str:
        """The limit as the end of a sentence."""
        return OPERATORS[self.operator].format(*(f"{bound:.15g}" for bound in self.bounds)) + (
            " percent" if self.in_percent else ""
        )


NONE_ALLOWED = Limit("mustBe", (0,), in_percent=False)


@dataclass(frozen=True)
class Rule:
    """One check.

    Attributes:
        name: How the contract calls it.
        metric: What is counted.
        columns: In which columns; empty for the whole table.
        argument: What the metric needs: a bound, a pattern, a tuple of values.
        limit: How much is allowed.
        warns_only: Whether a broken rule is reported but does not end the run.
    """

    name: str
    metric: Metric
    columns: tuple[str, ...]
    argument: Any = None
    limit: Limit = NONE_ALLOWED
    warns_only: bool = False


@dataclass(frozen=True)
class Contract:
    """A compiled contract; `digest` is the SHA-256 of its text."""

    table: str
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...]
    digest: str


def compile_contract(text: str) -> Contract:
    """Compile a contract.

    Args:
        text: The YAML document.

    Raises:
        StepError: kind `ContractInvalid`, naming what cannot be checked.
    """
    table = parse_table(text)
    properties = table.properties or []
    return Contract(
        table=table.name or "",
        columns=tuple(_column(column) for column in properties),
        rules=tuple(_table_rules(table))
        + tuple(rule for column in properties for rule in _column_rules(column)),
        digest=hashlib.sha256(text.encode()).hexdigest(),
    )


def _column(column: SchemaProperty) -> Column:
    if column.logicalType not in LOGICAL_TYPES and column.logicalType is not None:
        raise invalid(f"logicalType {column.logicalType!r} of column {column.name!r} is not supported")
    physical_type = column.physicalType.split("(")[0].strip().upper() if column.physicalType else None
    options = column.logicalTypeOptions or {}
    has_timezone = options.get("timezone") if column.logicalType == "timestamp" else None
    return Column(column_name(column), column.logicalType, physical_type, has_timezone)


def _table_rules(table: SchemaObject) -> Iterator[Rule]:
    key = [column for column in table.properties or [] if column.primaryKey]
    key.sort(key=lambda column: column.primaryKeyPosition or 0)
    if key:
        yield Rule("primaryKey", Metric.DUPLICATES, tuple(column_name(column) for column in key))
    for quality in table.quality or []:
        yield _table_quality(quality, table)


def _column_rules(column: SchemaProperty) -> Iterator[Rule]:
    name = (column_name(column),)
    if column.required or column.primaryKey:
        yield Rule("required", Metric.NULLS, name)
    if column.unique:
        yield Rule("unique", Metric.DUPLICATES, name)
    if column.enum:
        yield Rule("enum", Metric.NOT_IN_SET, name, _values(column, [entry.value for entry in column.enum]))
    for option, value in (column.logicalTypeOptions or {}).items():
        if not (option == "timezone" and column.logicalType == "timestamp"):
            yield _option_rule(column, option, value)
    for quality in column.quality or []:
        yield _column_quality(quality, column)


def _option_rule(column: SchemaProperty, option: str, value: Any) -> Rule:
    name = (column_name(column),)
    if (
        option in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
        and column.logicalType in BOUND_TYPES
    ):
        return Rule(option, Metric(option), name, _bound(column, option, value))
    if option == "multipleOf" and column.logicalType in ("integer", "number"):
        return Rule(option, Metric.NO_MULTIPLE, name, _number(column, option, value))
    if option in ("minLength", "maxLength") and column.logicalType == "string":
        return Rule(option, Metric(option), name, int(_number(column, option, value)))
    if option == "pattern" and column.logicalType == "string" and isinstance(value, str):
        return Rule(option, Metric.NOT_MATCHING, name, value)
    raise invalid(
        f"option {option!r} of column {column.name!r} is not supported for logicalType {column.logicalType!r}"
    )


def _bound(column: SchemaProperty, option: str, value: Any) -> float | date | datetime:
    """A bound as a number, a date, or a timestamp in UTC without a zone."""
    if column.logicalType in ("integer", "number"):
        return _number(column, option, value)
    try:
        moment = value if isinstance(value, date) else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise invalid(f"{option} of column {column.name!r} is no ISO date: {value!r}", "correct it") from None
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    if column.logicalType == "date":
        return moment.date()
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _number(column: SchemaProperty, option: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(f"{option} of column {column.name!r} is no number: {value!r}", "correct it")
    return value


def _values(column: SchemaProperty, values: Any) -> tuple[Any, ...]:
    """Allowed or missing values, each of the column's own type or null; those of a number are floats."""
    kinds: dict[str | None, tuple[type, ...]] = {"string": (str,), "boolean": (bool,), "integer": (int,)}
    kinds["number"] = (int, float)
    expected = kinds.get(column.logicalType, ())
    if not isinstance(values, list) or not values:
        raise invalid(f"a rule of column {column.name!r} has no list of values", "add it under arguments")
    for value in values:
        is_right = isinstance(value, expected) and (
            column.logicalType == "boolean" or not isinstance(value, bool)
        )
        if value is not None and not is_right:
            raise invalid(
                f"the value {value!r} in a rule of column {column.name!r} is no {column.logicalType}"
            )
    if column.logicalType == "number":
        return tuple(None if value is None else float(value) for value in values)
    return tuple(values)


def _table_quality(quality: DataQuality, table: SchemaObject) -> Rule:
    where = f"table {table.name!r}"
    metric, arguments = _metric(quality, where), quality.arguments or {}
    if metric == "rowCount" and not arguments and quality.unit in (None, "rows"):
        return Rule(quality.name or metric, Metric.ROWS, (), None, *_limit(quality, where))
    if metric == "duplicateValues" and arguments.keys() == {"properties"}:
        names = {column.name: column_name(column) for column in table.properties or []}
        for name in arguments["properties"]:
            if name not in names:
                raise invalid(
                    f"duplicateValues of {where} names {name!r}, which is no property", "correct the name"
                )
        columns = tuple(names[name] for name in arguments["properties"])
        return Rule(quality.name or metric, Metric.DUPLICATES, columns, None, *_limit(quality, where))
    asked = f"unit {quality.unit!r} and arguments {sorted(arguments)}"
    raise invalid(f"the metric {metric!r} of {where} with {asked} is not supported")


def _column_quality(quality: DataQuality, column: SchemaProperty) -> Rule:
    where = f"column {column.name!r}"
    metric, arguments = _metric(quality, where), quality.arguments or {}
    given = set(arguments)
    counted: tuple[Metric, Any]
    if metric in ("nullValues", "duplicateValues") and not given:
        counted = Metric(metric), None
    elif metric == "missingValues" and given == {"missingValues"}:
        counted = Metric.MISSING, _values(column, arguments["missingValues"])
    elif metric == "invalidValues" and given == {"validValues"}:
        counted = Metric.NOT_IN_SET, _values(column, arguments["validValues"])
    elif metric == "invalidValues" and given == {"pattern"} and column.logicalType == "string":
        counted = Metric.NOT_MATCHING, str(arguments["pattern"])
    else:
        raise invalid(f"the metric {metric!r} of {where} with arguments {sorted(given)} is not supported")
    return Rule(
        quality.name or metric, counted[0], (column_name(column),), counted[1], *_limit(quality, where)
    )


def _metric(quality: DataQuality, where: str) -> str:
    if quality.type not in (None, "library"):
        raise invalid(f"a quality rule of {where} has type {quality.type!r}, expected library")
    for field in UNSUPPORTED_OF_RULE:
        if getattr(quality, field) is not None:
            raise invalid(f"{field} in a quality rule of {where} is not supported")
    metric = quality.metric or quality.rule
    if metric is None:
        raise invalid(f"a quality rule of {where} has no metric", "name one, such as nullValues")
    return metric


def _limit(quality: DataQuality, where: str) -> tuple[Limit, bool]:
    """The limit of a quality rule, and whether it only warns."""
    given = [operator for operator in OPERATORS if getattr(quality, operator) is not None]
    if len(given) != 1:
        raise invalid(
            f"a quality rule of {where} has {len(given)} operators, expected one", "split or complete it"
        )
    value = getattr(quality, given[0])
    bounds = tuple(value) if isinstance(value, list) else (value,)
    if any(isinstance(bound, bool) or not isinstance(bound, int | float) for bound in bounds):
        raise invalid(f"{given[0]} of {where} is no number: {value!r}", "correct it")
    if quality.unit not in (None, "rows", "percent"):
        raise invalid(f"the unit {quality.unit!r} of {where} is not supported", "use rows or percent")
    if quality.severity not in (None, "error", *WARNING_SEVERITIES):
        raise invalid(
            f"the severity {quality.severity!r} of {where} is not known", "use error, warning or info"
        )
    return Limit(given[0], bounds, quality.unit == "percent"), quality.severity in WARNING_SEVERITIES
