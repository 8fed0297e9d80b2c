"""Compiles a data contract into rules: what to count, in which columns, and how much of it is allowed.

Pure: no data, no files. Whatever a contract asks for that is not known here is an error, never a silent pass.
The meaning of each metric is in `Metric`; the contract's words are those of ODCS v3
(https://bitol-io.github.io/open-data-contract-standard/latest/data-quality/).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from open_data_contract_standard.model import SchemaObject, SchemaProperty

from edge_runner.contracts.document import FILES, column_name, invalid, parse_document
from edge_runner.contracts.file_columns import require_file_columns
from edge_runner.contracts.model import FILE, Column, Contract, Metric, Rule
from edge_runner.contracts.options import option_rules, pattern_of, timezone_of
from edge_runner.contracts.quality import column_quality, listed, table_quality
from edge_runner.contracts.service_levels import service_level_rules

LOGICAL_TYPES = frozenset(
    {"string", "integer", "number", "boolean", "date", "timestamp", "time", "object", "array"}
)
PHYSICAL_TYPE = re.compile(r"^\s*([^()<>]+?)\s*(?:\(\s*([0-9]+(?:\s*,\s*[0-9]+)*)\s*\))?\s*$")
LENGTH_TYPES = frozenset({"VARCHAR", "CHAR", "STRING", "TEXT"})
SIZED_TYPES = frozenset({"DECIMAL", "NUMERIC"})
MOST_DIGITS = 38
"""Of a decimal, in Parquet, Polars and DuckDB."""
ZONED_TYPE = "TIMESTAMPTZ"
ONLY_OF_COLUMNS = ("unique", "primaryKey", "enum", "quality", "logicalTypeOptions")
"""What is not checked within objects and arrays."""


def compile_contract(text: str) -> Contract:
    """Compile a contract.

    Args:
        text: The YAML document.

    Raises:
        StepError: kind `ContractInvalid`, naming what cannot be checked.
    """
    contract, table = parse_document(text)
    properties = table.properties or []
    rules = [*_table_rules(table)]
    for column in properties:
        rules += _column_rules(column, table)
    rules += service_level_rules(contract.slaProperties or [], contract.slaDefaultElement, table)
    columns = tuple(_column(column) for column in properties)
    if is_of_files := table.physicalType == FILES:
        require_file_columns(columns)
    return Contract(
        table=table.name or "",
        kind="files" if is_of_files else "rows",
        columns=columns,
        rules=tuple(rules),
        digest=hashlib.sha256(text.encode()).hexdigest(),
    )


def _column(column: SchemaProperty) -> Column:
    if column.logicalType not in LOGICAL_TYPES and column.logicalType is not None:
        raise invalid(f"logicalType {column.logicalType!r} of column {column.name!r} is not supported")
    physical_type, sizes = _physical(column)
    has_timezone, timezone = timezone_of(column)
    if physical_type == ZONED_TYPE and has_timezone is None:
        has_timezone = True
    if column_name(column) == FILE:
        raise invalid(
            f"a column is named {FILE!r}, as the one that says where failing rows are from", "rename it"
        )
    return Column(
        column_name(column),
        column.logicalType,
        physical_type,
        sizes,
        has_timezone,
        timezone,
        pattern_of(column),
        _fields(column),
        _item(column),
        bool(column.required),
    )


def _physical(column: SchemaProperty) -> tuple[str | None, tuple[int, ...]]:
    """The name of a physical type in capitals, and the numbers in its brackets."""
    if not column.physicalType:
        return None, ()
    found = PHYSICAL_TYPE.match(column.physicalType)
    if found is None:
        raise invalid(f"physicalType {column.physicalType!r} of column {column.name!r} is not supported")
    name = " ".join(found.group(1).upper().split())
    sizes = tuple(int(size) for size in (found.group(2) or "").split(",") if size)
    if len(sizes) > (1 if name in LENGTH_TYPES else 2 if name in SIZED_TYPES else 0):
        raise invalid(
            f"physicalType {column.physicalType!r} of column {column.name!r} is not supported",
            "leave out its size",
        )
    if name in SIZED_TYPES and sizes and not (1 <= sizes[0] <= MOST_DIGITS and sizes[-1] <= sizes[0]):
        raise invalid(
            f"physicalType {column.physicalType!r} of column {column.name!r} is not supported",
            f"write precision and scale: 1 to {MOST_DIGITS} digits, and so many of them behind the point",
        )
    return name, sizes


def _fields(column: SchemaProperty) -> tuple[Column, ...]:
    if column.properties and column.logicalType != "object":
        raise invalid(
            f"column {column.name!r} has properties and is no object", "give it the logicalType object"
        )
    return tuple(_inner(field, f"{column.name}.{field.name}") for field in column.properties or [])


def _item(column: SchemaProperty) -> Column | None:
    if column.items is None:
        return None
    if column.logicalType != "array":
        raise invalid(f"column {column.name!r} has items and is no array", "give it the logicalType array")
    item = _inner(
        column.items.model_copy(update={"name": column.items.name or "items"}), f"{column.name}.items"
    )
    if _has_required(item):
        raise invalid(f"required within the items of column {column.name!r} is not supported")
    return item


def _has_required(column: Column) -> bool:
    return column.required or any(map(_has_required, column.fields))


def _inner(field: SchemaProperty, path: str) -> Column:
    """A field of an object or the item of an array: its type is compared, and whether it may be null."""
    for asked in ONLY_OF_COLUMNS:
        if getattr(field, asked):
            raise invalid(f"{asked} of {path!r} is not supported within an object or array")
    inner = _column(field)
    if inner.physical_type in LENGTH_TYPES and inner.sizes:
        raise invalid(
            f"the length of {path!r} is not supported within an object or array", "leave out its size"
        )
    return inner


def _table_rules(table: SchemaObject) -> Iterator[Rule]:
    key = [column for column in table.properties or [] if column.primaryKey]
    key.sort(key=lambda column: column.primaryKeyPosition or 0)
    if key:
        yield Rule("primaryKey", Metric.DUPLICATES, tuple(column_name(column) for column in key))
    for quality in table.quality or []:
        yield from table_quality(quality, table)


def _column_rules(column: SchemaProperty, table: SchemaObject) -> Iterator[Rule]:
    name = (column_name(column),)
    if column.required or column.primaryKey:
        yield Rule("required", Metric.NULLS, name)
    yield from _required_fields(column, name[0], ())
    if column.unique:
        yield Rule("unique", Metric.DUPLICATES, name)
    if column.enum is not None:
        yield Rule("enum", Metric.NOT_IN_SET, name, listed(column, [entry.value for entry in column.enum]))
    physical_type, sizes = _physical(column)
    if physical_type in LENGTH_TYPES and sizes:
        yield Rule(f"length of {physical_type}", Metric.LONGER, name, sizes[0])
    yield from option_rules(column)
    for quality in column.quality or []:
        yield from column_quality(quality, column, table)


def _required_fields(column: SchemaProperty, top: str, path: tuple[str, ...]) -> Iterator[Rule]:
    """Required fields of an object, however deep."""
    for field in column.properties or []:
        inner = (*path, column_name(field))
        if field.required:
            yield Rule("required", Metric.NULLS, (top,), inner)
        yield from _required_fields(field, top, inner)
