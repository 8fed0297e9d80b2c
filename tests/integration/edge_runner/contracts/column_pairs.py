"""Pairs about what a contract says of a column itself: nulls, keys, options, allowed values."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from math import inf, nan

import polars as pl
from tests.integration.edge_runner.contracts.pairs import (
    FAILED,
    NOT_CHECKED,
    PASSED,
    Pair,
    one,
    table,
    unread,
)
from tests.unit.edge_runner.contracts.documents import column, contract

INTS, TEXTS = pl.Int64, pl.String


def option(logical_type: str, **options: object) -> dict[str, object]:
    """The column x with options of its type."""
    return column("x", logical_type, logicalTypeOptions=options)


def double(**options: object) -> dict[str, object]:
    """The column x of floats, with options."""
    return column("x", "number", physicalType="DOUBLE", logicalTypeOptions=options)


NULLS_AND_KEYS = [
    one("required without nulls", column("x", required=True), [1, 2]),
    one("required with a null", column("x", required=True), [1, None], "required x"),
    one(
        "required with nulls only",
        column("x", required=True),
        pl.Series([None, None], dtype=INTS),
        "required x",
    ),
    one("required and an empty text", column("x", "string", required=True), ["", "a"]),
    one("required and NaN", double() | {"required": True}, [nan, 1.0]),
    one("required and NaN, no physical type", column("x", "number", required=True), [nan, 1.0]).but(
        "Numbers without a physical type", unread("required x")
    ),
    one("not required with a null", column("x"), [1, None]),
    one("physical name", column("x", physicalName="px", required=True), [1, None], "required px"),
    one("unique", column("x", unique=True), [1, 2]),
    one("unique with a duplicate", column("x", unique=True), [1, 2, 1], "unique x"),
    one("unique with two nulls", column("x", unique=True), [1, None, None]),
    one("unique text in two cases", column("x", "string", unique=True), ["a", "A"]),
    one("unique text twice", column("x", "string", unique=True), ["a", "a"], "unique x"),
    one("unique and NaN twice", double() | {"unique": True}, [nan, nan], "unique x"),
    one("unique and both zeros", column("x", "number", unique=True), [0.0, -0.0], "unique x"),
    one("unique dates", column("x", "date", unique=True), [date(2013, 1, 1)] * 2, "unique x"),
    one("unique truth", column("x", "boolean", unique=True), [True, True], "unique x"),
    one("key", column("x", primaryKey=True), [1, 2]),
    one("key with a duplicate", column("x", primaryKey=True), [1, 1], "primaryKey x"),
    one("key with a null", column("x", primaryKey=True), [1, None], "required x"),
    one(
        "key that is required",
        column("x", primaryKey=True, required=True),
        [1, None, 1],
        "primaryKey x",
        "required x",
    ),
]

KEY_OF_TWO = contract(
    column("a", primaryKey=True, primaryKeyPosition=2),
    column("b", "string", primaryKey=True, primaryKeyPosition=1),
)
COMPOSITE_KEYS = [
    Pair("key of two", KEY_OF_TWO, table(pl.DataFrame({"a": [1, 1, 2], "b": ["x", "y", "x"]}))),
    Pair(
        "key of two with a duplicate",
        KEY_OF_TWO,
        table(pl.DataFrame({"a": [1, 1, 2], "b": ["x", "x", "x"]})),
        {"primaryKey b, a": FAILED},
    ),
    Pair(
        "key of two with half a key twice",
        KEY_OF_TWO,
        table(pl.DataFrame({"a": [1, 1, 2], "b": [None, None, "x"]})),
        {"required b": FAILED},
    ),
]

BOUNDS = [
    one("minimum", option("integer", minimum=2), [2, 3, None]),
    one("minimum with less", option("integer", minimum=2), [1, 2], "minimum x"),
    one("maximum", option("number", maximum=2.5), [2.5, -1.0]),
    one("maximum with more", option("number", maximum=2.5), [2.6], "maximum x"),
    one(
        "exclusive minimum at the bound",
        option("number", exclusiveMinimum=0),
        [0.0, 1.0],
        "exclusiveMinimum x",
    ),
    one(
        "exclusive minimum below the bound",
        option("integer", exclusiveMinimum=0),
        [-1, 1],
        "exclusiveMinimum x",
    ),
    one("exclusive minimum above the bound", option("number", exclusiveMinimum=0), [0.1]),
    one("exclusive maximum at the bound", option("integer", exclusiveMaximum=9), [9], "exclusiveMaximum x"),
    one("exclusive maximum below the bound", option("integer", exclusiveMaximum=9), [8]),
    one("both bounds", option("integer", minimum=1, maximum=3), [0, 4], "minimum x", "maximum x"),
    one(
        "a bound above 2^53",
        option("integer", maximum=2**53) | {"physicalType": "BIGINT"},
        [2**53 + 1],
        "maximum x",
    ),
    one("an integer of more than 32 bits", option("integer", maximum=2**31), [2**31 + 1], "maximum x").but(
        "Integers without a physical type", unread("maximum x")
    ),
    one("a fourth decimal above a bound", option("number", maximum=2.5), [2.5004], "maximum x").but(
        "Numbers without a physical type", {"maximum x": PASSED}
    ),
    one("a fourth decimal of a float above a bound", double(maximum=2.5), [2.5004], "maximum x"),
    one("date minimum", option("date", minimum="2013-01-01"), [date(2013, 1, 1)]),
    one("date minimum with less", option("date", minimum="2013-01-01"), [date(2012, 12, 31)], "minimum x"),
    one(
        "timestamp before an exclusive maximum",
        option("timestamp", exclusiveMaximum="2013-01-01T00:00:00"),
        [datetime(2012, 12, 31, 23, 59, 59, 999999)],
    ),
    one(
        "timestamp at an exclusive maximum",
        option("timestamp", exclusiveMaximum="2013-01-01T00:00:00"),
        [datetime(2013, 1, 1)],
        "exclusiveMaximum x",
    ),
    one(
        "timestamp with a zone and a bound with another",
        option("timestamp", timezone=True, minimum="2013-01-01T02:00:00+02:00"),
        [datetime(2013, 1, 1, tzinfo=UTC)],
    ),
    one("infinity", double(maximum=1e300), [inf], "maximum x"),
    one("decimal at a bound", option("number", maximum=0.3), [Decimal("0.3")]),
    one("decimal above a bound", option("number", maximum=0.3), [Decimal("0.31")], "maximum x"),
    one("NaN and a maximum", double(maximum=2), [nan, 1.0], "maximum x"),
    one("NaN and an exclusive maximum", double(exclusiveMaximum=2), [nan, 1.0], "exclusiveMaximum x"),
    one("NaN and a minimum", double(minimum=2), [nan, 3.0], "minimum x").but(
        "NaN and bounds", {"minimum x": PASSED}
    ),
    one("NaN and an exclusive minimum", double(exclusiveMinimum=2), [nan, 3.0], "exclusiveMinimum x").but(
        "NaN and bounds", {"exclusiveMinimum x": PASSED}
    ),
    one("multiple", option("integer", multipleOf=5), [5, 10, None]).but(
        "Multiples", {"multipleOf x": NOT_CHECKED}
    ),
    one("no multiple", option("integer", multipleOf=5), [5, 11], "multipleOf x").but(
        "Multiples", {"multipleOf x": NOT_CHECKED}
    ),
]

TEXTS_AND_SETS = [
    one("shortest text", option("string", minLength=2), ["ab", None]),
    one("text too short", option("string", minLength=2), ["a"], "minLength x"),
    one("empty text too short", option("string", minLength=1), [""], "minLength x"),
    one("longest text", option("string", maxLength=2), ["ab"]),
    one("text too long", option("string", maxLength=2), ["abc"], "maxLength x"),
    one("length in characters, not bytes", option("string", maxLength=2), ["äö"]),
    one("pattern", option("string", pattern="^[A-Z]{3}$"), ["JFK", None]),
    one("pattern that does not match", option("string", pattern="^[A-Z]{3}$"), ["JFKX"], "pattern x"),
    one("pattern without anchors is searched for", option("string", pattern="[0-9]"), ["a1b"]),
    one("pattern and the case", option("string", pattern="^a"), ["A"], "pattern x"),
    one("pattern that ignores the case", option("string", pattern="(?i)^a"), ["A"]),
    one("pattern and a line break", option("string", pattern="^a.b$"), ["a\nb"], "pattern x"),
    one(
        "pattern and a digit of another script",
        option("string", pattern="^\\d$"),
        ["\u0663"],
        "pattern x",
    ),
    one("pattern and a letter of another script", option("string", pattern="^\\w$"), ["\u00e4"], "pattern x"),
    one("pattern and a space of another script", option("string", pattern="^\\s$"), ["\u3000"]).but(
        "Spaces of other scripts", {"pattern x": FAILED}
    ),
    one("enum", column("x", "string", enum=[{"value": "a"}, {"value": "b"}]), ["a", "b", None]),
    one("enum with another", column("x", "string", enum=[{"value": "a"}]), ["a", "A"], "enum x"),
    one("enum of numbers", column("x", "integer", enum=[{"value": 1}, {"value": 2}]), [1, 3], "enum x"),
]

PAIRS = [*NULLS_AND_KEYS, *COMPOSITE_KEYS, *BOUNDS, *TEXTS_AND_SETS]
