"""The data: ten columns of mixed types in Parquet files of a million rows, the same at every run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.validation.limits import FIRST_DAY, LAST_DAY, RANGES, STATUSES

FILE_ROWS = 1_000_000
SEED = 4
NULL_SHARE = 0.02
_ODD, _BITS = 0x9E3779B97F4B, 48
"""Times an odd number is one-to-one among the whole numbers of so many bits: distinct, and in no order."""
_DAY_S = 86_400


def write(folder: Path, rows: int) -> None:
    """Write the files.

    Args:
        folder: Where to.
        rows: Of all files together.
    """
    folder.mkdir(parents=True)
    for number, first in enumerate(range(0, rows, FILE_ROWS)):
        part(number, min(FILE_ROWS, rows - first)).write_parquet(folder / f"part-{number:04}.parquet")


def part(number: int, rows: int) -> pl.DataFrame:
    """The rows of one file; the numbers are drawn anew for each, and no `id` or `serial` comes twice."""
    draw = np.random.default_rng((SEED, number))
    ids = ((number * FILE_ROWS + np.arange(rows, dtype=np.uint64)) * np.uint64(_ODD)) % np.uint64(1 << _BITS)
    seconds = draw.integers(0, (LAST_DAY - FIRST_DAY).days * _DAY_S + _DAY_S, rows)
    low, high = RANGES["pressure"]
    drawn = pl.DataFrame(
        {
            "id": ids.astype(np.int64),
            "station": draw.integers(*RANGES["station"], rows, dtype=np.int32, endpoint=True),
            "visits": draw.geometric(0.05, rows).clip(max=RANGES["visits"][1]),
            "temperature": draw.normal(12, 9, rows).clip(*RANGES["temperature"]).round(2),
            "pressure": draw.uniform(low, high, rows),
            "status": draw.integers(0, len(STATUSES), rows),
            "measured_at": seconds,
            "valid": draw.random(rows) < 0.99,
        }
    )
    return drawn.select(
        "id",
        "station",
        _with_nulls("visits", draw, rows),
        "temperature",
        _with_nulls("pressure", draw, rows),
        pl.col("status").replace_strict(dict(enumerate(STATUSES))),
        pl.format("SN-{}", pl.col("id").cast(pl.String).str.zfill(15)).alias("serial"),
        (pl.lit(FIRST_DAY).cast(pl.Datetime("us", "UTC")) + pl.duration(seconds="measured_at")).alias(
            "measured_at"
        ),
        (pl.lit(FIRST_DAY) + pl.duration(days=pl.col("measured_at") // _DAY_S)).cast(pl.Date).alias("day"),
        "valid",
    )


def _with_nulls(name: str, draw: np.random.Generator, rows: int) -> pl.Expr:
    is_there = pl.Series(draw.random(rows) >= NULL_SHARE)
    return pl.when(is_there).then(pl.col(name)).alias(name)
