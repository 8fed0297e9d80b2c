"""Pairs about files and their columns: types, columns too few or too many, empty and unreadable files."""

from __future__ import annotations

from datetime import UTC, datetime, time

import polars as pl
from tests.integration.edge_runner.contracts.pairs import (
    FAILED,
    NOT_CHECKED,
    PASSED,
    REFUSED,
    Pair,
    one,
    table,
    unread,
)
from tests.unit.edge_runner.contracts.documents import column, contract

REQUIRED_X = contract(column("x", required=True))
INTS = pl.DataFrame({"x": [1, 2]})

CAST = {"type x": NOT_CHECKED}
"""They read the column as the contract's type instead of comparing its type."""

TYPES = [
    one("text that could be integers", column("x"), ["1", "2"], "type x").but("Types of columns", CAST),
    one("text that is no integer", column("x"), ["a"], "type x").but("Types of columns", unread("type x")),
    one("fractions for integers", column("x"), [1.5], "type x").but("Types of columns", CAST),
    one("integers for numbers", column("x", "number"), [1, 2]),
    one("integers for text", column("x", "string"), [1, 2], "type x").but("Types of columns", CAST),
    one("timestamps for dates", column("x", "date"), [datetime(2013, 1, 1)], "type x").but(
        "Types of columns", CAST
    ),
    one("a dictionary of texts", column("x", "string"), pl.Series(["a", "b"], dtype=pl.Categorical)),
    one("a time", column("x", "time", required=True), [time(12, 30)]),
    one("a truth", column("x", "boolean", required=True), [True, None], "required x"),
    one("a physical type", column("x", physicalType="SMALLINT"), pl.Series([1], dtype=pl.Int16)),
    one("a physical type with a length", column("x", "string", physicalType="VARCHAR(2)"), ["ab"]).but(
        "Length of a physical type", {"length of VARCHAR x": NOT_CHECKED}
    ),
    one(
        "a text longer than its physical type",
        column("x", "string", physicalType="VARCHAR(2)"),
        ["abc"],
        "length of VARCHAR x",
    ).but("Length of a physical type", {"length of VARCHAR x": NOT_CHECKED}),
    one(
        "another physical type",
        column("x", physicalType="SMALLINT"),
        pl.Series([1], dtype=pl.Int64),
        "type x",
    ).but("Types of columns", CAST),
    one("a physical type of Parquet", column("x", physicalType="INT16"), pl.Series([1], dtype=pl.Int16)).but(
        "Names of physical types", unread()
    ),
    one(
        "a timestamp without a zone where one is asked for",
        column("x", "timestamp", logicalTypeOptions={"timezone": True}),
        [datetime(2013, 1, 1)],
        "type x",
    ).but("Types of columns", CAST),
    one(
        "a timestamp with a zone where none is asked for",
        column("x", "timestamp", logicalTypeOptions={"timezone": False}),
        [datetime(2013, 1, 1, tzinfo=UTC)],
        "type x",
    ).but("Types of columns", CAST),
]

COLUMNS = [
    Pair("a column is missing", contract(column("x"), column("y")), table(INTS), {"present y": FAILED}),
    Pair(
        "a missing column with a rule",
        contract(column("y", required=True)),
        table(INTS),
        {"present y": FAILED},
    ).but("Columns before rules", {"required y": PASSED}),
    Pair("an additional column", REQUIRED_X, table(pl.DataFrame({"x": [1], "more": ["a"]}))),
    Pair("a column in another case", REQUIRED_X, table(pl.DataFrame({"X": [1]})), {"present x": FAILED}).but(
        "Names in another case", {"present x": NOT_CHECKED, "required x": PASSED}
    ),
]

FILES = [
    Pair(
        "several files",
        contract(column("x", unique=True)),
        {"a.parquet": INTS, "b/c.parquet": INTS},
        {"unique x": FAILED},
    ),
    Pair(
        "a column is missing in one file of two",
        contract(column("x"), column("y")),
        {"a.parquet": INTS, "b.parquet": pl.DataFrame({"x": [1], "y": [1]})},
        {"present y": FAILED},
    ).but("A column in some files only", {"present y": NOT_CHECKED}),
    Pair(
        "two files of two widths",
        contract(column("x", unique=True)),
        {"a.parquet": INTS, "b.parquet": pl.DataFrame({"x": pl.Series([1], dtype=pl.Int32)})},
        {"unique x": FAILED},
    ),
    Pair(
        "a column only in the name of the directory",
        contract(column("x"), column("day", logicalTypeOptions={"maximum": 1})),
        {"day=1/a.parquet": INTS, "day=2/a.parquet": INTS},
        {"maximum day": FAILED},
    ),
    Pair("no rows", REQUIRED_X, table(INTS.clear()), {"partition": FAILED}).but(
        "A partition without rows", {"partition": NOT_CHECKED, "required x": PASSED}
    ),
    Pair("an empty file beside one with rows", REQUIRED_X, {"a.parquet": INTS, "b.parquet": INTS.clear()}),
    Pair("a file that is no Parquet", REQUIRED_X, {"a.parquet": "x\n1\n"}, {"file": FAILED}),
]

CONTRACTS = [
    Pair(
        "a misspelt key",
        contract(column("x", requird=True)),
        table(pl.DataFrame({"x": [None, 1]})),
        {"contract": REFUSED},
    ).but("Unknown keys", {"contract": NOT_CHECKED}),
    Pair(
        "a pattern with look-around",
        contract(column("x", "string", logicalTypeOptions={"pattern": "^(?!a)"})),
        table(pl.DataFrame({"x": ["b"]})),
        {"contract": REFUSED},
    ).but("Look-around in patterns", {"contract": NOT_CHECKED, "pattern x": FAILED}),
    Pair(
        "a metric that nobody knows",
        contract(column("x", quality=[{"id": "q", "name": "q", "metric": "median", "mustBe": 0}])),
        table(INTS),
        {"contract": REFUSED},
    ),
    Pair(
        "an option of another type",
        contract(column("x", logicalTypeOptions={"pattern": "a"})),
        table(INTS),
        {"contract": REFUSED},
    ),
]

PAIRS = [*TYPES, *COLUMNS, *FILES, *CONTRACTS]
