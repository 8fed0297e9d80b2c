"""Compiles a column's logicalTypeOptions: each becomes a rule, or says more about the column's type."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from open_data_contract_standard.model import SchemaProperty

from edge_runner.contracts.document import column_name, invalid
from edge_runner.contracts.formats import INTEGER_RANGES, NUMBER_RANGES, STRING_PATTERNS, text_format
from edge_runner.contracts.limits import is_number
from edge_runner.contracts.model import Metric, Rule

NUMERIC = frozenset({"integer", "number"})
TEMPORAL = frozenset({"date", "timestamp", "time"})
BOUNDS = frozenset({"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"})
COUNTS = frozenset(
    {("minLength", "string"), ("maxLength", "string"), ("minItems", "array"), ("maxItems", "array")}
)
OF_TYPE: Mapping[str, frozenset[str]] = {"timestamp": frozenset({"timezone", "defaultTimezone"})}
"""Options that belong to a column's type: they say how its values are read."""


def option_rules(column: SchemaProperty) -> Iterator[Rule]:
    """The rules of a column's options.

    Raises:
        StepError: kind `ContractInvalid`, for an option that its logical type does not have.
    """
    for option, value in (column.logicalTypeOptions or {}).items():
        kind = column.logicalType or ""
        if option in OF_TYPE.get(kind, ()) or (option == "format" and kind in TEMPORAL):
            continue
        yield from _option_rules(column, kind, option, value)


def _option_rules(column: SchemaProperty, kind: str, option: str, value: Any) -> Iterator[Rule]:
    name = (column_name(column),)
    if option in BOUNDS and kind in NUMERIC | TEMPORAL:
        yield Rule(option, Metric(option), name, bound(column, option, value))
    elif option == "multipleOf" and kind in NUMERIC:
        yield Rule(option, Metric.NO_MULTIPLE, name, _positive(column, option, value))
    elif option == "format" and isinstance(value, str) and (kind in NUMERIC or kind == "string"):
        yield _format_rule(column, kind, value)
    elif option == "pattern" and kind == "string" and isinstance(value, str):
        yield Rule(option, Metric.NOT_MATCHING, name, value)
    elif (option, kind) in COUNTS:
        yield Rule(option, Metric(option), name, _count(column, option, value))
    elif option == "uniqueItems" and kind == "array" and isinstance(value, bool):
        yield from [Rule(option, Metric.REPEATED_ITEMS, name)] * value
    elif option == "required" and kind == "object" and isinstance(value, list):
        yield from (_required_field(column, field) for field in value)
    else:
        raise invalid(
            f"option {option!r} of column {column.name!r} with the value {value!r} is not supported for "
            f"logicalType {column.logicalType!r}"
        )


def _required_field(column: SchemaProperty, field: Any) -> Rule:
    names = {inner.name: column_name(inner) for inner in column.properties or []}
    if field not in list(names):
        raise invalid(
            f"required of column {column.name!r} names {field!r}, which is no property", "describe it"
        )
    return Rule("required", Metric.NULLS, (column_name(column),), (names[field],))


def _format_rule(column: SchemaProperty, kind: str, value: Any) -> Rule:
    name = (column_name(column),)
    if kind == "string" and value in STRING_PATTERNS:
        return Rule(f"format {value}", Metric.OF_ANOTHER_FORMAT, name, value)
    ranges: Mapping[str, tuple[float, float]] = {
        **(INTEGER_RANGES if kind != "string" else {}),
        **(NUMBER_RANGES if kind == "number" else {}),
    }
    if value in ranges:
        return Rule(f"format {value}", Metric.OUT_OF_BITS, name, ranges[value])
    known = sorted(ranges or STRING_PATTERNS)
    raise invalid(
        f"the format {value!r} of column {column.name!r} is not supported", f"use one of {', '.join(known)}"
    )


def timezone_of(column: SchemaProperty) -> tuple[bool | None, str]:
    """Whether a timestamp must have a zone, and the zone of those that have none.

    Raises:
        StepError: kind `ContractInvalid`.
    """
    options = (column.logicalTypeOptions or {}) if column.logicalType == "timestamp" else {}
    zone = options.get("defaultTimezone", "UTC")
    try:
        zoneinfo.ZoneInfo(zone)
    except (KeyError, ValueError, TypeError, OSError):  # not found, or a folder of the zones' own
        raise invalid(
            f"the defaultTimezone {zone!r} of column {column.name!r} is not known",
            "use a name such as Europe/Berlin",
        ) from None
    if not isinstance(has_zone := options.get("timezone"), bool | None):
        raise invalid(
            f"timezone of column {column.name!r} is neither true nor false: {has_zone!r}", "correct it"
        )
    return has_zone, zone


def pattern_of(column: SchemaProperty) -> str | None:
    """How a text file writes a date, timestamp or time; None for ISO 8601.

    Raises:
        StepError: kind `ContractInvalid`, when the pattern has letters that are not known.
    """
    if column.logicalType not in TEMPORAL:
        return None
    pattern = (column.logicalTypeOptions or {}).get("format")
    if pattern is None:
        return None
    read = text_format(pattern) if isinstance(pattern, str) else None
    if read is None or (read.has_zone and column.logicalType != "timestamp"):
        raise invalid(
            f"the format {pattern!r} of column {column.name!r} is not supported",
            "write it with yyyy, MM, dd, HH, mm, ss, SSS and, for a timestamp, a zone such as XXX at its end",
        )
    return str(pattern)


def bound(column: SchemaProperty, option: str, value: Any) -> float | date | datetime | time:
    """A bound as a number, a date, a time, or a timestamp in UTC without a zone.

    Raises:
        StepError: kind `ContractInvalid`.
    """
    if column.logicalType in NUMERIC:
        return number(column, option, value)
    read: Mapping[str | None, Callable[[Any], date | datetime | time]] = {
        "time": _time,
        "date": lambda written: _moment(written).date(),
        "timestamp": lambda written: _in_utc(_moment(written), timezone_of(column)[1]),
    }
    try:
        return read[column.logicalType](value)
    except (TypeError, ValueError, OverflowError):
        raise invalid(
            f"{option} of column {column.name!r} is no ISO {column.logicalType}: {value!r}", "correct it"
        ) from None


def _time(value: Any) -> time:
    found = time.fromisoformat(value)
    if found.tzinfo is not None:
        raise ValueError
    return found


def _moment(value: Any) -> datetime:
    moment = value if isinstance(value, date) else datetime.fromisoformat(value)
    return moment if isinstance(moment, datetime) else datetime(moment.year, moment.month, moment.day)


def _in_utc(moment: datetime, zone: str) -> datetime:
    """A bound without a zone stands in the column's own, as its values do."""
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=zoneinfo.ZoneInfo(zone))
    return zoned.astimezone(UTC).replace(tzinfo=None)


def number(column: SchemaProperty, option: str, value: Any) -> float:
    """A number of the contract.

    Raises:
        StepError: kind `ContractInvalid`.
    """
    if not is_number(value):
        raise invalid(f"{option} of column {column.name!r} is no number: {value!r}", "correct it")
    return float(value) if isinstance(value, float) else int(value)


def _positive(column: SchemaProperty, option: str, value: Any) -> float:
    found = number(column, option, value)
    if found <= 0:
        raise invalid(f"{option} of column {column.name!r} is not above 0: {value!r}", "correct it")
    return found


def _count(column: SchemaProperty, option: str, value: Any) -> int:
    found = number(column, option, value)
    if not isinstance(found, int) or found < 0:
        raise invalid(
            f"{option} of column {column.name!r} is no whole number from 0 on: {value!r}", "correct it"
        )
    return found
