"""Pairs about CSV and JSON lines."""

from __future__ import annotations

from typing import Any

from tests.integration.edge_runner.contracts.pairs import FAILED, NOT_CHECKED, PASSED, Pair, unread
from tests.unit.edge_runner.contracts.documents import column, contract


def text(name: str, suffix: str, content: str, columns: tuple[dict[str, Any], ...], *failed: str) -> Pair:
    """A pair about one file."""
    return Pair(name, contract(*columns), {f"a{suffix}": content}, dict.fromkeys(failed, FAILED))


def csv(name: str, content: str, *columns: dict[str, Any], fails: tuple[str, ...] = ()) -> Pair:
    """A pair about one CSV file."""
    return text(f"CSV: {name}", ".csv", content, columns, *fails)


def lines(name: str, content: str, *columns: dict[str, Any], fails: tuple[str, ...] = ()) -> Pair:
    """A pair about one file of JSON lines."""
    return text(f"JSON lines: {name}", ".jsonl", content, columns, *fails)


INTEGER, TEXT = column("x", required=True), column("x", "string", required=True)

CSV = [
    csv("integers", "x,y\n1,a\n2,b\n", INTEGER, column("y", "string")),
    csv("an empty cell", "x,y\n1,a\n,b\n", INTEGER, column("y", "string"), fails=("required x",)),
    csv("a quoted empty text", 'x,y\n"",a\nb,b\n', TEXT, column("y", "string")).but(
        "Quoted empty texts", {"required x": FAILED}
    ),
    csv("no integer", "x\n1\na\n", column("x"), fails=("type x",)).but(
        "Cells that cannot be read", unread("type x")
    ),
    csv("a fraction for an integer", "x\n1.5\n2\n", column("x"), fails=("type x",)).but(
        "Cells that cannot be read", {"type x": NOT_CHECKED}
    ),
    csv("a minimum", "x\n1\n2\n", column("x", logicalTypeOptions={"minimum": 2}), fails=("minimum x",)),
    csv(
        "numbers",
        "x\n1.5\n-2e3\n",
        column("x", "number", logicalTypeOptions={"maximum": 1}),
        fails=("maximum x",),
    ),
    csv(
        "dates",
        "x\n2013-01-01\n2013-02-01\n",
        column("x", "date", logicalTypeOptions={"maximum": "2013-01-15"}),
        fails=("maximum x",),
    ),
    csv("no date", "x\n2013-01-01\n2013-13-01\n", column("x", "date"), fails=("type x",)).but(
        "Cells that cannot be read", unread("type x")
    ),
    csv(
        "timestamps", "x\n2013-01-01T10:00:00\n2013-01-02T10:00:00\n", column("x", "timestamp", required=True)
    ),
    csv("truth", "x\ntrue\nfalse\n", column("x", "boolean", required=True)),
    csv("unique", "x\n1\n1\n", column("x", unique=True), fails=("unique x",)),
    csv("quotes, commas and line breaks", 'x,y\n"a,b",1\n"c\nd",2\n', TEXT, column("y")),
    csv("an additional column", "x,more\n1,a\n", INTEGER),
    csv("a missing column", "x\n1\n", INTEGER, column("y"), fails=("present y",)).but(
        "Columns before rules", {"required x": PASSED}
    ),
    csv("columns in another order", "y,x\na,1\n", INTEGER, column("y", "string")),
    csv("a row too short", "x,y\n1,a\n2\n", INTEGER, column("y", "string"), fails=("file",)).but(
        "Rows of another length",
        {"file": NOT_CHECKED, "present x": FAILED, "present y": FAILED, "required x": PASSED},
    ),
    csv("a header only", "x\n", INTEGER, fails=("partition",)).but(
        "A partition without rows", {"partition": NOT_CHECKED, "required x": PASSED}
    ),
    csv("zeros in front", "x\n007\n08\n", column("x", "string", logicalTypeOptions={"minLength": 2})),
    csv("spaces around an integer", "x\n 1\n2\n", INTEGER, fails=("type x", "required x")).but(
        "Spaces around values", {"type x": NOT_CHECKED, "required x": PASSED}
    ),
]

JSON_LINES = [
    lines("integers", '{"x": 1}\n{"x": 2}\n', INTEGER),
    lines("a null", '{"x": 1}\n{"x": null}\n', INTEGER, fails=("required x",)),
    lines("a key that a line has not", '{"x": 1}\n{"y": 2}\n', INTEGER, fails=("required x",)),
    lines("text for an integer", '{"x": 1}\n{"x": "a"}\n', column("x"), fails=("type x",)),
    lines("digits in text for an integer", '{"x": 1}\n{"x": "2"}\n', column("x"), fails=("type x",)),
    lines("a fraction for an integer", '{"x": 1}\n{"x": 1.5}\n', column("x"), fails=("type x",)),
    lines(
        "a minimum",
        '{"x": 1}\n{"x": 2}\n',
        column("x", logicalTypeOptions={"minimum": 2}),
        fails=("minimum x",),
    ),
    lines(
        "numbers",
        '{"x": 1}\n{"x": 2.5}\n',
        column("x", "number", logicalTypeOptions={"maximum": 2}),
        fails=("maximum x",),
    ),
    lines("dates", '{"x": "2013-01-01"}\n', column("x", "date", required=True)),
    lines("unique", '{"x": "a"}\n{"x": "a"}\n', column("x", "string", unique=True), fails=("unique x",)),
    lines(
        "allowed values",
        '{"x": "a"}\n{"x": "b"}\n',
        column("x", "string", enum=[{"value": "a"}]),
        fails=("enum x",),
    ),
    lines("a missing column", '{"x": 1}\n', INTEGER, column("y", required=True), fails=("required y",)).but(
        "A key that no line has", {"present y": FAILED}
    ),
    lines("an additional key", '{"x": 1, "more": 2}\n', INTEGER),
    lines("a line that is no JSON", '{"x": 1}\n{"x":\n', INTEGER, fails=("file",)),
    lines("an empty line", '{"x": 1}\n\n{"x": 2}\n', INTEGER),
]

PAIRS = [*CSV, *JSON_LINES]
