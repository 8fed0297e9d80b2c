"""Compiles the quality rules of a table and of its columns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from open_data_contract_standard.model import DataQuality, SchemaObject, SchemaProperty

from edge_runner.contracts.document import column_name, invalid
from edge_runner.contracts.limits import is_number, limits, warns_only
from edge_runner.contracts.model import OPERATORS, Metric, Rule
from edge_runner.contracts.options import NUMERIC, TEMPORAL, bound

NEVER_DONE_HERE = ("schedule", "scheduler", "method", "engine", "implementation")
"""A rule is checked when the pipeline runs, by this project."""
PLACEHOLDER = re.compile(r"(\"?)\$?\{(object|table|property|column)\}\1")
"""With or without the quotes that a name gets anyway."""
VALUE_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


def table_quality(quality: DataQuality, table: SchemaObject) -> Iterator[Rule]:
    """The rules, one per operator, of a table's quality rule.

    Raises:
        StepError: kind `ContractInvalid`.
    """
    where = f"table {table.name!r}"
    if quality.type in ("text", "sql"):
        yield from _text(quality, where, ()) if quality.type == "text" else _sql(quality, where, table, ())
        return
    metric, arguments = _metric(quality, where), quality.arguments or {}
    if metric == "rowCount" and not arguments and quality.unit in (None, "rows"):
        yield from _rules(quality, where, Metric.ROWS, ())
    elif metric == "duplicateValues" and arguments.keys() == {"properties"}:
        yield from _rules(quality, where, Metric.DUPLICATES, _named(table, arguments["properties"], where))
    else:
        asked = f"unit {quality.unit!r} and arguments {sorted(arguments)}"
        raise invalid(f"the metric {metric!r} of {where} with {asked} is not supported")


def column_quality(quality: DataQuality, column: SchemaProperty, table: SchemaObject) -> Iterator[Rule]:
    """The rules, one per operator, of a column's quality rule.

    Raises:
        StepError: kind `ContractInvalid`.
    """
    where, name = f"column {column.name!r}", (column_name(column),)
    if quality.type in ("text", "sql"):
        yield from (
            _text(quality, where, name) if quality.type == "text" else _sql(quality, where, table, name)
        )
        return
    metric, arguments = _metric(quality, where), quality.arguments or {}
    given = set(arguments)
    counted: tuple[Metric, Any]
    if metric in ("nullValues", "duplicateValues") and not given:
        counted = Metric(metric), None
    elif metric == "missingValues" and given == {"missingValues"}:
        counted = Metric.MISSING, listed(column, arguments["missingValues"])
    elif metric == "invalidValues" and given == {"validValues"}:
        counted = Metric.NOT_IN_SET, listed(column, arguments["validValues"])
    elif metric == "invalidValues" and given == {"pattern"} and column.logicalType == "string":
        counted = Metric.NOT_MATCHING, _pattern(arguments["pattern"], where)
    else:
        with_them = f" with the arguments {', '.join(sorted(given))}" if given else ""
        raise invalid(f"the metric {metric!r} of {where}{with_them} is not supported")
    yield from _rules(quality, where, counted[0], name, counted[1])


def _pattern(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise invalid(f"the pattern of {where} is no text: {value!r}", "put it in quotes")
    return value


def listed(column: SchemaProperty, values: Any) -> tuple[Any, ...]:
    """Allowed or missing values, each of the column's own type or null; those of a number are floats,
    but for integers that no float is.

    Raises:
        StepError: kind `ContractInvalid`.
    """
    if not isinstance(values, list) or not values:
        raise invalid(f"a rule of column {column.name!r} has no list of values", "add it under arguments")
    return tuple(None if value is None else _listed(column, value) for value in values)


def _listed(column: SchemaProperty, value: Any) -> Any:
    kind = column.logicalType or ""
    if kind in TEMPORAL and isinstance(value, str | date):
        return bound(column, "a listed value", value)
    is_of_type = isinstance(value, VALUE_TYPES.get(kind, ())) and (kind not in NUMERIC or is_number(value))
    if not is_of_type or isinstance(value, bool) is not (kind == "boolean"):
        raise invalid(f"the value {value!r} in a rule of column {column.name!r} is no {column.logicalType}")
    return float(value) if kind == "number" and float(value) == value else value


def _named(table: SchemaObject, properties: Any, where: str) -> tuple[str, ...]:
    names = {column.name: column_name(column) for column in table.properties or []}
    if not isinstance(properties, list) or not properties:
        raise invalid(f"duplicateValues of {where} has no list of properties", "name them")
    for name in properties:
        if name not in list(names) or properties.count(name) > 1:
            raise invalid(
                f"duplicateValues of {where} names {name!r}, which is no property, or twice", "correct it"
            )
    return tuple(names[name] for name in properties)


def _rules(
    quality: DataQuality, where: str, metric: Metric, columns: tuple[str, ...], argument: Any = None
) -> Iterator[Rule]:
    name = quality.name or quality.metric or quality.rule or metric.value
    for limit in limits(quality, where, takes_booleans=metric is Metric.SQL):
        yield Rule(name, metric, columns, argument, limit, warns_only(quality, where))


def _metric(quality: DataQuality, where: str) -> str:
    if quality.type not in (None, "library"):
        raise invalid(f"a quality rule of {where} has type {quality.type!r}, expected library, sql or text")
    _refuse_foreign(quality, where)
    if quality.query is not None:
        raise invalid(f"a quality rule of {where} has a query and the type library", "use the type sql")
    metric = quality.metric or quality.rule
    if metric != (quality.rule or metric):
        raise invalid(f"a quality rule of {where} has two metrics", "remove its rule, the old key of metric")
    if metric is None:
        raise invalid(f"a quality rule of {where} has no metric", "name one, such as nullValues")
    return metric


def _sql(quality: DataQuality, where: str, table: SchemaObject, columns: tuple[str, ...]) -> Iterator[Rule]:
    """A query's rules; its placeholders become quoted names."""
    _refuse_foreign(quality, where)
    if not quality.query or quality.metric or quality.rule or quality.arguments:
        raise invalid(f"a sql rule of {where} needs a query, and neither metric nor arguments", "correct it")
    if quality.unit is not None:
        raise invalid(f"a sql rule of {where} has a unit", "let the query itself compute a share")
    names = dict.fromkeys(("object", "table"), quoted(table.name or ""))
    for column in columns:
        names |= dict.fromkeys(("property", "column"), quoted(column))
    for _, placeholder in PLACEHOLDER.findall(quality.query):
        if placeholder not in names:
            raise invalid(
                f"a sql rule of {where} uses {{{placeholder}}} outside of a column", "name the column"
            )
    query = PLACEHOLDER.sub(lambda found: names[found.group(2)], quality.query)
    yield from _rules(quality, where, Metric.SQL, columns, query)


def _text(quality: DataQuality, where: str, columns: tuple[str, ...]) -> Iterator[Rule]:
    """What is written for people becomes an entry of the report that says that it is not checked."""
    _refuse_foreign(quality, where)
    asked = ("metric", "rule", "arguments", "query", *OPERATORS)
    if any(getattr(quality, field) is not None for field in asked):
        raise invalid(f"a text rule of {where} asks for a check", "give it the type library or sql")
    yield Rule(quality.name or quality.description or "text", Metric.TEXT, columns, warns_only=True)


def _refuse_foreign(quality: DataQuality, where: str) -> None:
    for field in NEVER_DONE_HERE:
        if getattr(quality, field) is not None:
            raise invalid(f"{field} in a quality rule of {where} is not supported")


def quoted(name: str) -> str:
    """A name as SQL writes one."""
    return '"' + name.replace('"', '""') + '"'
