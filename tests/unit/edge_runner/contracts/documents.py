"""Contracts for tests, built from one small valid one."""

from __future__ import annotations

import copy
from typing import Any

import yaml

BASE: dict[str, Any] = {
    "apiVersion": "v3.1.0",
    "kind": "DataContract",
    "id": "c",
    "version": "1.0.0",
    "status": "active",
    "schema": [{"name": "t", "properties": [{"name": "x", "logicalType": "integer"}]}],
}


def contract(*columns: dict[str, Any], quality: list[dict[str, Any]] | None = None, **top: Any) -> str:
    """The YAML of a contract for one table.

    Args:
        columns: Properties; one integer column `x` when there are none.
        quality: Rules of the table.
        top: Keys of the document that are replaced.
    """
    document = copy.deepcopy(BASE) | top
    if columns:
        document["schema"][0]["properties"] = list(columns)
    if quality:
        document["schema"][0]["quality"] = quality
    return yaml.safe_dump(document)


def column(name: str = "x", logical_type: str | None = "integer", **keys: Any) -> dict[str, Any]:
    """One property."""
    return {"name": name, **({"logicalType": logical_type} if logical_type else {}), **keys}
