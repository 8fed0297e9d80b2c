"""Compiles slaProperties: freshness can be seen in the data; what else there is cannot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from open_data_contract_standard.model import SchemaObject, SchemaProperty, ServiceLevelAgreementProperty

from edge_runner.contracts.document import column_name, invalid
from edge_runner.contracts.limits import is_number
from edge_runner.contracts.model import Limit, Metric, Rule
from edge_runner.contracts.options import timezone_of

FRESHNESS = frozenset({"latency", "ly", "freshness"})
UNIT_S: Mapping[str, int] = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1),
    **dict.fromkeys(("min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("w", "week", "weeks"), 7 * 86_400),
    **dict.fromkeys(("y", "yr", "year", "years"), 365 * 86_400),
}
"""Seconds in each unit; `m` is not among them, for it may be a minute or a month."""


def service_level_rules(
    levels: list[ServiceLevelAgreementProperty], default_element: str | None, table: SchemaObject
) -> Iterator[Rule]:
    """The rules of a contract's service levels.

    Raises:
        StepError: kind `ContractInvalid`, for a level that the data cannot show.
    """
    for level in levels:
        if (level.property or "").lower() not in FRESHNESS:
            raise invalid(f"slaProperties has {level.property!r}, which the data cannot show")
        for field in ("schedule", "scheduler", "valueExt"):
            if getattr(level, field) is not None:
                raise invalid(f"{field} of slaProperties is not supported")
        unit_s = UNIT_S.get(level.unit or "")
        if unit_s is None or not is_number(level.value):
            raise invalid(
                f"{level.property} of slaProperties has value {level.value!r} and unit {level.unit!r}",
                f"write a number and one of {', '.join(UNIT_S)}",
            )
        for element in (level.element or default_element or "").split(","):
            column = _timed(element.strip(), table)
            limit = Limit("mustBeLessOrEqualTo", (float(level.value or 0) * unit_s,), in_percent=False)
            yield Rule(
                f"{level.property} of {level.value:g} {level.unit}",
                Metric.AGE,
                (column_name(column),),
                timezone_of(column)[1],
                limit,
            )


def _timed(element: str, table: SchemaObject) -> SchemaProperty:
    """The column of an element, which may be written with or without its table's name."""
    name = element.removeprefix(f"{table.name}.")
    for column in table.properties or []:
        if column.name == name and column.logicalType in ("date", "timestamp"):
            return column
    raise invalid(
        f"the element {element!r} of slaProperties is no date or timestamp of table {table.name!r}",
        "correct it",
    )
