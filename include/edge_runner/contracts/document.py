"""Reads an Open Data Contract Standard (ODCS v3) document, and refuses what is not understood.

The model comes from the package `open-data-contract-standard`. It ignores keys that it does not know, so a
misspelt rule would never be checked; here every key must be one of the standard's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import pydantic
import yaml
from open_data_contract_standard.model import OpenDataContractStandard, SchemaObject, SchemaProperty

from edge_runner.protocol import StepError
from edge_runner.sentences import first_clauses, first_few

SUPPORTED_MAJOR = "v3."
UNSUPPORTED_OF_OBJECT = ("relationships",)
UNSUPPORTED_OF_PROPERTY = ("relationships", "map")
FILES = "files"
"""The physicalType of a schema object that describes files which are no tables, one row each."""


def invalid(
    what: str, remedy: str = "remove it, or write it as a rule that docs/contracts.md has"
) -> StepError:
    """The error for a contract that asks for what cannot be checked."""
    return StepError("ContractInvalid", f"The data contract cannot be checked: {what}; {remedy}.")


@lru_cache(maxsize=1)
def parse_document(text: str) -> tuple[OpenDataContractStandard, SchemaObject]:
    """Read a contract for one table; the one that was read last is kept, for a check asks for it often.

    Args:
        text: The YAML document.

    Returns:
        The contract, and its only schema object; nobody changes them.

    Raises:
        StepError: kind `ContractInvalid`, when the document is no ODCS v3 contract for one table, has keys
            that the standard does not know, or asks for something that is not supported.
    """
    contract = _parse(text)
    tables = contract.schema_ or []
    if len(tables) != 1:
        raise invalid(f"schema describes {len(tables)} tables, expected one", "write one contract per table")
    (table,) = tables
    _refuse_fields(table, UNSUPPORTED_OF_OBJECT, f"table {table.name!r}")
    if not table.name:
        raise invalid("the table has no name", "name the schema object")
    if not table.properties:
        raise invalid(f"table {table.name!r} has no properties", "describe its columns")
    for column in table.properties:
        _check_property(column)
    _require_unique(table.properties)
    return contract, table


def column_name(column: SchemaProperty) -> str:
    """The column's name in the data: its physical name if it has one."""
    return column.physicalName or column.name or ""


def _parse(text: str) -> OpenDataContractStandard:
    try:
        document = yaml.load(text, _UniqueKeyLoader)  # noqa: S506  (a SafeLoader)
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        where = f"line {place.line + 1}" if place else "the document"
        raise invalid(f"{where} is no YAML", "correct the indentation and quotes there") from error
    if not isinstance(document, dict) or document.get("kind") != "DataContract":
        raise invalid("it is no ODCS document", "start it with `kind: DataContract` and `apiVersion: v3.1.0`")
    version = str(document.get("apiVersion"))
    if not version.startswith(SUPPORTED_MAJOR):
        raise invalid(f"its apiVersion is {version}, expected v3", "migrate it to ODCS v3")
    try:
        contract = OpenDataContractStandard.model_validate(document, strict=True)
    except pydantic.ValidationError as error:
        found = [f"{shown_place(document, one['loc'])}: {one['msg']}" for one in error.errors()]
        raise invalid(first_clauses(found), "correct it there") from error
    unknown = list(unknown_keys(document, contract.model_dump(by_alias=True, exclude_unset=True), ""))
    if unknown:
        what = "is no key" if len(unknown) == 1 else "are no keys"
        raise invalid(f"{first_few(unknown)} {what} of the standard", "correct its spelling or remove it")
    return contract


class _UniqueKeyLoader(yaml.SafeLoader):
    """Refuses a key that a mapping has twice: PyYAML keeps the last, and drops what the first one asks."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for name in names:
            if names.count(name) > 1:
                line = node.start_mark.line + 1
                raise invalid(
                    f"the mapping that begins in line {line} has the key {name!r} twice", "keep one"
                )
        return node


def unknown_keys(raw: Any, known: Any, place: str) -> Iterator[str]:
    """Yield the paths of the keys that the standard's model dropped.

    Args:
        raw: The document as written.
        known: The same part of the document as the model understood it.
        place: Path of this part, with a dot at its end; empty at the top.
    """
    if isinstance(raw, dict) and isinstance(known, dict):
        for key, value in raw.items():
            if key in known:
                yield from unknown_keys(value, known[key], f"{place}{key}.")
            else:
                yield f"{place}{key}"
    elif isinstance(raw, list) and isinstance(known, list):
        for number, (value, understood) in enumerate(zip(raw, known, strict=True)):
            yield from unknown_keys(value, understood, f"{place}{shown_item(value, number)}.")


def shown_place(document: Any, path: Iterable[int | str]) -> str:
    """Where something stands in a document, its items by their names: `schema.flights.properties.dest`."""
    shown: list[str] = []
    part = document
    for step in path:
        is_there = isinstance(part, list | dict) and (isinstance(part, dict) or step in range(len(part)))
        part = (part.get(step) if isinstance(part, dict) else part[step]) if is_there else None
        shown.append(shown_item(part, step) if isinstance(step, int) else step)
    return ".".join(shown)


def shown_item(item: Any, number: int) -> str:
    """An item of a list by its name, or by its number when it has none."""
    return str((isinstance(item, dict) and item.get("name")) or number)


def _check_property(column: SchemaProperty) -> None:
    if not column.name:
        raise invalid("a property has no name", "name it as the column in the data")
    name = column_name(column)
    if name == "*" or (name.startswith("^") and name.endswith("$")):
        raise invalid(f"the name {name!r} of a column is a pattern to Polars", "rename the column")
    _refuse_fields(column, UNSUPPORTED_OF_PROPERTY, f"column {column.name!r}")
    if column.semanticType not in (None, "column", "dimension"):
        raise invalid(
            f"column {column.name!r} has semanticType {column.semanticType!r}, which is no column of the data"
        )
    for inner in [*(column.properties or []), *([column.items] if column.items else [])]:
        _check_inner(inner, column)
    _require_unique(column.properties or [])


def _require_unique(columns: list[SchemaProperty]) -> None:
    names = [column_name(column) for column in columns]
    for name in names:
        if names.count(name) > 1:
            raise invalid(f"column {name!r} is described {names.count(name)} times", "describe it once")


def _check_inner(inner: SchemaProperty, column: SchemaProperty) -> None:
    """A field of an object has a name of its own; the item of an array may go without."""
    named = inner if inner is not column.items else inner.model_copy(update={"name": inner.name or "items"})
    _check_property(named)


def _refuse_fields(element: SchemaObject | SchemaProperty, fields: tuple[str, ...], what: str) -> None:
    for field in fields:
        if getattr(element, field):
            raise invalid(f"{field} of {what} is not supported")
