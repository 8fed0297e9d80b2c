"""Pairs about what looks at the table as a whole: sql rules, freshness; and about formats and arrays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
from tests.integration.edge_runner.contracts.pairs import (
    FAILED,
    NOT_CHECKED,
    REFUSED,
    WARNED,
    Pair,
    one,
    table,
)
from tests.unit.edge_runner.contracts.documents import column, contract

NOW = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
THREE = pl.DataFrame({"x": [1, 2, 3]})


def query(text: str, **keys: Any) -> dict[str, Any]:
    """A sql rule called q."""
    return {"id": "q", "name": "q", "type": "sql", "query": text} | keys


def of_table(name: str, text: str, /, *failed: str, **keys: Any) -> Pair:
    """A pair about a sql rule of the table of three rows."""
    return Pair(
        name,
        contract(column("x"), quality=[query(text, **keys)]),
        table(THREE),
        dict.fromkeys(failed, FAILED),
    )


def of_column(name: str, text: str, /, *failed: str, **keys: Any) -> Pair:
    """A pair about a sql rule of the column of three rows."""
    return one(name, column("x", quality=[query(text, **keys)]), [1, 2, 3], *failed)


SQL = [
    of_table("sql of the table", "SELECT count(*) FROM t WHERE x > 2", mustBe=1),
    of_table("sql of the table that is broken", "SELECT count(*) FROM t WHERE x > 2", "q", mustBe=0),
    of_table("sql with the name of the table put in", "SELECT sum(x) FROM {object}", mustBe=6),
    of_table("sql with dollars", "SELECT sum(x) FROM ${object}", "q", mustBeGreaterThan=6),
    of_table("sql that gives a fraction", "SELECT avg(x) FROM t", mustBeBetween=[1.9, 2.1]),
    of_table("sql with a window", "SELECT max(n) FROM (SELECT row_number() OVER () AS n FROM t)", mustBe=3),
    of_table(
        "sql with a with", "WITH big AS (SELECT x FROM t WHERE x > 1) SELECT count(*) FROM big", mustBe=2
    ),
    of_column("sql of a column", "SELECT max({property}) FROM {object}", mustBeLessThan=4),
    of_column(
        "sql of a column that is broken", "SELECT max({property}) FROM {object}", "q x", mustBeLessThan=3
    ),
    Pair(
        "sql that only warns",
        contract(column("x"), quality=[query("SELECT count(*) FROM t", mustBe=0, severity="warning")]),
        table(THREE),
        {"q": WARNED},
    ),
    Pair(
        "sql that is no query",
        contract(column("x"), quality=[query("DROP TABLE t", mustBe=0)]),
        table(THREE),
        {"contract": REFUSED},
    ).but("Queries that cannot be run", {"contract": NOT_CHECKED, "q": FAILED}),
    Pair(
        "sql over a column that is not described",
        contract(column("x"), quality=[query("SELECT max(y) FROM t", mustBe=0)]),
        table(THREE),
        {"contract": REFUSED},
    ).but("Queries that cannot be run", {"contract": NOT_CHECKED, "q": FAILED}),
    of_table("sql that finds nothing", "SELECT max(x) FROM t WHERE x > 9", "q", mustBe=0),
]


def aged(name: str, age: timedelta, /, *failed: str, value: Any = 3, unit: str = "d", **keys: Any) -> Pair:
    """A pair about freshness of at most so much, the newest row being of an age."""
    level = {"property": "freshness", "element": "t.x", "value": value, "unit": unit} | keys
    frame = pl.DataFrame({"x": [NOW - age, NOW - age - timedelta(days=30)]})
    return Pair(
        name,
        contract(column("x", "timestamp"), slaProperties=[level]),
        table(frame),
        dict.fromkeys(failed, FAILED),
    )


FRESHNESS = [
    aged("fresh data", timedelta(hours=1)),
    aged("old data", timedelta(days=9), "freshness x"),
    aged("fresh by hours", timedelta(hours=30), value=72, unit="h"),
    aged("old by hours", timedelta(days=5), "freshness x", value=72, unit="h"),
    Pair(
        "freshness without a moment",
        contract(
            column("x", "timestamp"),
            slaProperties=[{"property": "freshness", "element": "t.x", "value": 3, "unit": "d"}],
        ),
        table(pl.DataFrame({"x": pl.Series([None], dtype=pl.Datetime("us"))})),
        {"freshness x": FAILED},
    ),
]


def formatted(name: str, kind: str, asked: str, values: list[Any], /, *failed: str) -> Pair:
    """A pair about a format, which only we check."""
    rule = f"format {asked} x"
    asked_of = column("x", kind, logicalTypeOptions={"format": asked})
    return one(name, asked_of, values, *([rule] * bool(failed))).but("Formats", {rule: NOT_CHECKED})


FORMATS = [
    formatted("an email address", "string", "email", ["a@example.org"]),
    formatted("no email address", "string", "email", ["a.example.org"], FAILED),
    formatted("a uuid", "string", "uuid", ["123e4567-e89b-12d3-a456-426614174000"]),
    formatted("no uuid", "string", "uuid", ["123e4567"], FAILED),
    formatted("an integer beyond its bits", "integer", "i8", [128], FAILED),
]


def items(name: str, values: list[list[int] | None], /, *failed: str, **options: Any) -> Pair:
    """A pair about arrays of integers."""
    described = column(
        "x", "array", items={"name": "i", "logicalType": "integer"}, logicalTypeOptions=options
    )
    return one(name, described, pl.Series(values, dtype=pl.List(pl.Int64)), *failed)


ARRAYS = [
    items("enough items", [[1, 2], None], minItems=2),
    items("too few items", [[1], []], "minItems x", minItems=1),
    items("too many items", [[1, 2, 3]], "maxItems x", maxItems=2),
    items("items twice", [[1, 1]], "uniqueItems x", uniqueItems=True),
]

PAIRS = [*SQL, *FRESHNESS, *FORMATS, *ARRAYS]
