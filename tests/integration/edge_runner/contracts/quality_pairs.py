"""Pairs about quality rules: metrics, operators, units, severities."""

from __future__ import annotations

from math import nan
from typing import Any

import polars as pl
from tests.integration.edge_runner.contracts.pairs import (
    FAILED,
    NOT_CHECKED,
    PASSED,
    WARNED,
    Pair,
    one,
    table,
)
from tests.unit.edge_runner.contracts.documents import column, contract

TEN_ROWS_THREE_NULLS = [1, 2, 3, 4, 5, 6, 6, None, None, None]
KEPT: dict[str, Any] = {
    "mustBe": 3,
    "mustNotBe": 4,
    "mustBeGreaterThan": 2,
    "mustBeGreaterOrEqualTo": 3,
    "mustBeLessThan": 4,
    "mustBeLessOrEqualTo": 3,
    "mustBeBetween": [3, 5],
    "mustNotBeBetween": [4, 5],
}
BROKEN: dict[str, Any] = {
    "mustBe": 2,
    "mustNotBe": 3,
    "mustBeGreaterThan": 3,
    "mustBeGreaterOrEqualTo": 4,
    "mustBeLessThan": 3,
    "mustBeLessOrEqualTo": 2,
    "mustBeBetween": [4, 5],
    "mustNotBeBetween": [3, 5],
}


def rule(metric: str, **keys: Any) -> dict[str, Any]:
    """A quality rule called q."""
    return {"id": "q", "name": "q", "metric": metric} | keys


def ruled(logical_type: str, metric: str, **keys: Any) -> dict[str, Any]:
    """The column x with one quality rule."""
    return column("x", logical_type, quality=[rule(metric, **keys)])


def of_table(name: str, frame: pl.DataFrame, metric: str, *failed: str, **keys: Any) -> Pair:
    """A pair about a rule of the table."""
    text = contract(*(column(name) for name in frame.columns), quality=[rule(metric, **keys)])
    return Pair(name, text, table(frame), dict.fromkeys(failed, FAILED))


def scaled(value: Any) -> Any:
    """Rows of ten as percent."""
    return [10 * bound for bound in value] if isinstance(value, list) else 10 * value


OPERATORS = [
    one(
        f"nullValues {operator} {scale(limits[operator])} {unit}",
        ruled("integer", "nullValues", unit=unit, **{operator: scale(limits[operator])}),
        TEN_ROWS_THREE_NULLS,
        *failed,
    )
    for limits, failed in ((KEPT, ()), (BROKEN, ("q x",)))
    for unit, scale in (("rows", lambda value: value), ("percent", scaled))
    for operator in limits
]

THREE = pl.DataFrame({"x": [1, 2, 3]})
ROW_COUNTS = [
    of_table(
        f"rowCount {operator} {limits[operator]}", THREE, "rowCount", *failed, **{operator: limits[operator]}
    )
    for limits, failed in ((KEPT, ()), (BROKEN, ("q",)))
    for operator in limits
]

TWICE = pl.DataFrame({"x": [1, 1, 2], "y": [1, 1, 1]})
DUPLICATES = [
    one("duplicateValues", ruled("integer", "duplicateValues", mustBe=0), [1, 2, None, None]),
    one("duplicateValues with one", ruled("integer", "duplicateValues", mustBe=0), [1, 1], "q x"),
    one("duplicateValues, one allowed", ruled("integer", "duplicateValues", mustBeLessThan=2), [1, 1, 2]),
    one(
        "duplicateValues of one value thrice",
        ruled("integer", "duplicateValues", mustBeLessThan=2),
        [1, 1, 1],
        "q x",
    ).but("Counting duplicates", {"q x": PASSED}),
    of_table(
        "duplicateValues of two columns",
        TWICE,
        "duplicateValues",
        "q x, y",
        arguments={"properties": ["x", "y"]},
        mustBe=0,
    ),
    of_table(
        "no duplicateValues of two columns",
        pl.DataFrame({"x": [1, 1], "y": [1, 2]}),
        "duplicateValues",
        arguments={"properties": ["x", "y"]},
        mustBe=0,
    ),
    one(
        "duplicateValues in percent",
        ruled("integer", "duplicateValues", unit="percent", mustBeLessThan=50),
        [1, 1, 2, 3],
    ).but("A share of duplicates", {"q x": NOT_CHECKED}),
]

VALUES = [
    one(
        "missingValues",
        ruled("string", "missingValues", arguments={"missingValues": ["", "NA"]}, mustBe=0),
        ["a"],
    ),
    one(
        "missingValues with one",
        ruled("string", "missingValues", arguments={"missingValues": ["", "NA"]}, mustBe=0),
        ["a", "NA"],
        "q x",
    ),
    one(
        "missingValues with null among them",
        ruled("string", "missingValues", arguments={"missingValues": [None, ""]}, mustBe=0),
        ["a", None],
        "q x",
    ),
    one(
        "missingValues without null among them",
        ruled("string", "missingValues", arguments={"missingValues": [""]}, mustBe=0),
        ["a", None],
    ).but("Null as a missing value", {"q x": FAILED}),
    one(
        "missingValues of numbers in percent",
        ruled(
            "integer", "missingValues", arguments={"missingValues": [-1]}, unit="percent", mustBeLessThan=50
        ),
        [-1, -1, 3],
        "q x",
    ),
    one(
        "invalidValues",
        ruled("string", "invalidValues", arguments={"validValues": ["a"]}, mustBe=0),
        ["a", None],
    ),
    one(
        "invalidValues with one",
        ruled("string", "invalidValues", arguments={"validValues": ["a"]}, mustBe=0),
        ["a", "b"],
        "q x",
    ),
    one(
        "invalidValues, a share allowed",
        ruled(
            "string",
            "invalidValues",
            arguments={"validValues": ["a"]},
            unit="percent",
            mustBeLessOrEqualTo=25,
        ),
        ["a", "a", "a", "b"],
    ),
    one(
        "invalidValues by pattern",
        ruled("string", "invalidValues", arguments={"pattern": "^a+$"}, mustBe=0),
        ["aa", "ab", None],
        "q x",
    ),
    one(
        "invalidValues of numbers and NaN",
        ruled("number", "invalidValues", arguments={"validValues": [1, 2.5]}, mustBe=0)
        | {"physicalType": "DOUBLE"},
        [1.0, 2.5, nan],
        "q x",
    ),
    one(
        "invalidValues of truth",
        ruled("boolean", "invalidValues", arguments={"validValues": [True]}, mustBe=0),
        [True, False],
        "q x",
    ),
]

SEVERITIES = [
    one("severity error", ruled("integer", "nullValues", mustBe=0, severity="error"), [None, 1], "q x"),
    *(
        Pair(
            f"severity {severity}",
            contract(ruled("integer", "nullValues", mustBe=0, severity=severity)),
            table(pl.DataFrame({"x": [None, 1]})),
            {"q x": WARNED},
        )
        for severity in ("warning", "info")
    ),
    Pair(
        "two rules of one metric",
        contract(
            column(
                "x",
                quality=[
                    rule("nullValues", mustBeLessThan=3) | {"id": "strict", "name": "strict"},
                    rule("nullValues", mustBeLessThan=5) | {"id": "lax", "name": "lax"},
                ],
            )
        ),
        table(pl.DataFrame({"x": TEN_ROWS_THREE_NULLS})),
        {"strict x": FAILED},
    ).but("Several rules of one metric", {"lax x": NOT_CHECKED}),
    one(
        "a metric under its old key",
        column("x", quality=[{"id": "q", "name": "q", "rule": "nullValues", "mustBe": 0}]),
        [None, 1],
        "q x",
    ).but("The old key of a metric", {"q x": NOT_CHECKED}),
]

PAIRS = [*OPERATORS, *ROW_COUNTS, *DUPLICATES, *VALUES, *SEVERITIES]
