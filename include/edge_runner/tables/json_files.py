"""Reads JSON lines in batches: one object per line, each value of the contract's type."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import polars.selectors as cs
import pyarrow as pa
from pyarrow import json as arrow_json

from edge_runner.contracts.dtypes import instance
from edge_runner.tables.blocks import blocks
from edge_runner.tables.files import DataFile

LONGEST_LINE_BYTES = 64 * 2**20
WHITESPACE = b" \t\r"
"""That JSON has, within a line."""
WRITTEN_AS_TEXT = (pl.Date, pl.Datetime, pl.Time, pl.Decimal, pl.Binary)
"""Types that have no notation of their own in JSON."""
LARGEST_FLOAT32 = float(np.finfo(np.float32).max)
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
"""Half a letter, which JSON can escape and UTF-8 cannot hold."""


def json_batches(
    file: DataFile, dtypes: Mapping[str, pl.DataType]
) -> Iterator[tuple[pl.DataFrame, dict[str, int]]]:
    """The columns of a file; a key that a line does not have is null.

    Args:
        file: The file.
        dtypes: Each column's type; those that JSON writes as text come as text.

    Yields:
        A batch, and how many values of which column were of another type; these are null.

    Raises:
        StepError: kind `DataRejected`, naming the file and the line that is no JSON object.
    """
    written = {
        name: pl.String() if isinstance(dtype, WRITTEN_AS_TEXT) else dtype for name, dtype in dtypes.items()
    }
    done = 0
    for block in _whole_lines(file):
        stripped = (line.strip(WHITESPACE) for line in block.split(b"\n"))
        lines = {done + at: line for at, line in enumerate(stripped, start=1) if line}
        if lines:
            yield _fast(block, written, lines) or _exact(file, lines, written)
        done += block.count(b"\n")


def _whole_lines(file: DataFile) -> Iterator[bytes]:
    rest = b""
    for block in blocks(file):
        whole, sign, tail = (rest + block).rpartition(b"\n")
        rest = tail
        if len(rest) > LONGEST_LINE_BYTES:
            raise file.rejected(
                f"has a line of more than {LONGEST_LINE_BYTES // 2**20} MiB", "deliver one object per line"
            )
        if sign:
            yield whole + sign
    if rest.strip():
        yield rest


def _fast(
    block: bytes, dtypes: Mapping[str, pl.DataType], lines: Mapping[int, bytes]
) -> tuple[pl.DataFrame, dict[str, int]] | None:
    """The block as Arrow reads it; None when anything in it is not as it should be."""
    # Arrow takes null for a row of nulls, and crashes where it comes first.
    if not all(line.startswith(b"{") and line.endswith(b"}") for line in lines.values()):
        return None
    schema = pl.DataFrame(schema=dict(dtypes)).to_arrow(compat_level=pl.CompatLevel.oldest()).schema
    try:
        table = arrow_json.read_json(
            pa.BufferReader(block),
            read_options=arrow_json.ReadOptions(use_threads=False, block_size=len(block) + 1),
            parse_options=arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
        )
    except (pa.ArrowException, UnicodeDecodeError):
        return None
    if table.num_rows != len(lines):
        return None
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)  # a table is no column
    if frame.select(pl.any_horizontal(False, cs.float().is_infinite().any())).item():
        return None  # Arrow takes a number that is too large for infinity
    return frame.select(*dtypes), {}


def _exact(
    file: DataFile, lines: Mapping[int, bytes], dtypes: Mapping[str, pl.DataType]
) -> tuple[pl.DataFrame, dict[str, int]]:
    """The block as Python reads it, which is slow and tells each value of a wrong type."""
    rows = [_object(file, line, number) for number, line in lines.items()]
    wrong: dict[str, int] = {}
    columns = {}
    for name, dtype in dtypes.items():
        values = [row.get(name) for row in rows]
        fits = [value is None or _is_of(value, dtype) for value in values]
        if not all(fits):
            wrong[name] = len(fits) - sum(fits)
        kept = [value if fit else None for value, fit in zip(values, fits, strict=True)]
        columns[name] = pl.Series(name, kept, dtype=dtype, strict=False)
    return pl.DataFrame(columns), wrong


def _object(file: DataFile, line: bytes, number: int) -> dict[str, Any]:
    try:
        found = json.loads(line, object_pairs_hook=_unique, parse_float=_float)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise file.rejected(f"has a line that is no JSON object (line {number})")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


def _float(text: str) -> float | Decimal:
    """A number as it is written: one that is too large for a float is none, and not infinity."""
    value = float(text)
    return Decimal(text) if math.isinf(value) else value


def _is_of(value: Any, dtype: pl.DataType) -> bool:
    """Whether a value that is not null is of the type; numbers must fit into it."""
    if isinstance(dtype, pl.Struct):
        return isinstance(value, dict) and all(
            value.get(field.name) is None or _is_of(value[field.name], instance(field.dtype))
            for field in dtype.fields
        )
    if isinstance(dtype, pl.List):
        inner = instance(dtype.inner)
        return isinstance(value, list) and all(item is None or _is_of(item, inner) for item in value)
    if dtype == pl.Boolean or isinstance(value, bool):
        return dtype == pl.Boolean and isinstance(value, bool)
    if dtype == pl.String:
        return isinstance(value, str) and not LONE_SURROGATE.search(value)
    if dtype.is_float():
        return isinstance(value, int | float) and _fits(value, dtype)
    low, high = _range(dtype)
    return isinstance(value, int) and low <= value <= high


def _fits(value: float, dtype: pl.DataType) -> bool:
    """Whether a number is in a float's range; NaN and Infinity, where they are written, are."""
    is_finite = isinstance(value, int) or math.isfinite(value)
    return not is_finite or abs(value) <= (LARGEST_FLOAT32 if dtype == pl.Float32 else sys.float_info.max)


@cache
def _range(dtype: pl.DataType) -> tuple[int, int]:
    """The ends of an integer type."""
    zero = pl.lit(0).cast(dtype)
    low, high = pl.select(zero.lower_bound().alias("low"), zero.upper_bound().alias("high")).row(0)
    return low, high
