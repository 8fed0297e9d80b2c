"""Values planted in data to prove that they never leave, and the scanner that looks for them.

A value is found in any usual spelling: a text in its case, base64 or hex, a number with separators, in
scientific notation or rounded, a day by its year. The scanner is itself tested: what leaks on purpose is
found.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import polars as pl

ROUNDED = 0.02
"""A number this near to a planted one, as a share of it, is that one rounded."""
_NUMBER = re.compile(r"(?<![\w.])[-\u2212]?\d[\d,\u202f ]*(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w])")


@dataclass(frozen=True)
class Canary:
    """One planted value.

    Attributes:
        column: Where it is planted.
        value: What is planted, in one row.
        dtype: The column's type.
        logical_type: The contract's word for it; None for what it cannot describe.
        common: What all other rows hold, in turns.
    """

    column: str
    value: Any
    dtype: Any
    logical_type: str | None
    common: tuple[Any, ...]


CANARIES = (
    Canary("name", "canary-7f3a9c", pl.String, "string", ("red", "blue", None)),
    Canary("free_text", "canary words 5b1e", pl.String, "string", tuple(f"text {n}" for n in range(300))),
    Canary("category", "canary-cat-e4", pl.Categorical, "string", ("low", "high")),
    Canary("highest", 987_654_321, pl.Int64, "integer", tuple(range(100))),
    Canary("lowest", -876_543, pl.Int32, "integer", (5,)),
    Canary("id", 765_432_198_765, pl.UInt64, "integer", tuple(range(10_000, 10_400))),
    Canary("ratio", 654321.9876, pl.Float64, "number", (0.25, 0.5, 0.75, None)),
    Canary("small_ratio", 5.4321e-17, pl.Float64, "number", (1.0, 2.0)),
    Canary("single", 543210.75, pl.Float32, "number", (1.5, 2.5, 3.5)),
    Canary("amount", Decimal("31415.92"), pl.Decimal(12, 2), "number", (Decimal("9.99"), Decimal("19.99"))),
    Canary("born", date(1907, 3, 5), pl.Date, "date", (date(2001, 1, 1), date(2002, 6, 30))),
    Canary("seen", datetime(1911, 11, 11, 11), pl.Datetime("us"), "timestamp", (datetime(2013, 2, 1),)),
    Canary("clock", time(3, 47, 11), pl.Time, "time", (time(12), time(18))),
    Canary("key", b"canary-binary", pl.Binary, None, (b"common", None)),
    Canary("listed", ["canary-listed"], pl.List(pl.String), None, (["a"], ["b"])),
    Canary("nested", {"f": "canary-field"}, pl.Struct({"f": pl.String}), None, ({"f": "a"}, None)),
    Canary("all_null", "canary-alone", pl.String, "string", (None,)),
)
RARE_FLAG = "rare_flag"
"""A boolean that is true in one row: its value is no secret, how often it is true is."""


def planted(rows: int = 600) -> pl.DataFrame:
    """Data with each canary in the row of its number, and a rare flag."""
    columns = {}
    for number, canary in enumerate(CANARIES):
        values = [canary.common[row % len(canary.common)] for row in range(rows)]
        values[number] = canary.value
        columns[canary.column] = pl.Series(values, dtype=canary.dtype, strict=False)
    columns[RARE_FLAG] = pl.Series([row == 1 for row in range(rows)])
    return pl.DataFrame(columns)


def found_in(text: str) -> set[str]:
    """The columns whose canary stands in a text."""
    return {canary.column for canary in CANARIES if _stands_in(canary.value, text)}


def _stands_in(value: Any, text: str) -> bool:
    match value:
        case dict():
            return any(_stands_in(inner, text) for inner in value.values())
        case list():
            return any(_stands_in(inner, text) for inner in value)
        case datetime() | date():
            return re.search(rf"(?<![\w.]){value.year}(?![\d.])", text) is not None
        case time():
            return value.strftime("%H:%M") in text
        case int() | float() | Decimal():
            near = ROUNDED * abs(float(value))
            return any(abs(number - float(value)) <= near for number in numbers_in(text))
        case str():
            return _is_spelt(value.encode(), text)
        case _:
            return _is_spelt(value, text)


def _is_spelt(value: bytes, text: str) -> bool:
    spellings = {value.decode(), value.hex(), base64.b64encode(value).decode().rstrip("=")}
    return any(spelling.lower() in text.lower() for spelling in spellings)


def numbers_in(text: str) -> list[float]:
    """All numbers that stand in a text, however they are written."""
    found = (match[0].replace("\u2212", "-").strip() for match in _NUMBER.finditer(text))
    return [float(number.translate({ord(char): None for char in ",\u202f "})) for number in found] + [
        float(part) for part in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", text)
    ]
