"""The benchmark's limits as a contract."""

from __future__ import annotations

from typing import Any

import yaml

from benchmarks.validation import limits

TYPES = {
    "id": "integer",
    "station": "integer",
    "visits": "integer",
    "temperature": "number",
    "pressure": "number",
    "status": "string",
    "serial": "string",
    "measured_at": "timestamp",
    "day": "date",
    "valid": "boolean",
}


def contract(rows: int) -> str:
    """The YAML for data of so many rows."""
    row_count = {"metric": "rowCount", "mustBeBetween": [rows, rows]}
    table = {"name": "measurements", "quality": [row_count], "properties": [column(name) for name in TYPES]}
    head = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "m", "version": "1.0.0", "status": "active"}
    freshness = {
        "property": "freshness",
        "element": "measurements.measured_at",
        "value": limits.FRESH_DAYS,
        "unit": "d",
    }
    return yaml.safe_dump(head | {"schema": [table], "slaProperties": [freshness]})


def column(name: str) -> dict[str, Any]:
    """What is asked of one column."""
    asked: dict[str, Any] = {"name": name, "logicalType": TYPES[name]}
    if name in limits.REQUIRED:
        asked["required"] = True
    if name == "id":
        asked["unique"] = True
    if name in limits.RANGES:
        low, high = limits.RANGES[name]
        asked["logicalTypeOptions"] = {"minimum": low, "maximum": high}
    if name == "day":
        asked["logicalTypeOptions"] = {"minimum": limits.FIRST_DAY, "maximum": limits.LAST_DAY}
    if name == "measured_at":
        asked["logicalTypeOptions"] = {"timezone": True}
    asked["quality"] = quality(name)
    return asked


def quality(name: str) -> list[dict[str, Any]]:
    """The quality rules of one column."""
    if name == "status":
        return [{"metric": "invalidValues", "arguments": {"validValues": list(limits.STATUSES)}, "mustBe": 0}]
    if name in limits.NULLS_AT_MOST_PERCENT:
        most = limits.NULLS_AT_MOST_PERCENT[name]
        return [{"metric": "nullValues", "unit": "percent", "mustBeLessOrEqualTo": most}]
    return []
