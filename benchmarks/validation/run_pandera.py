"""Validates with pandera on Polars.

For its checks of values pandera's guide on Polars has the data collected first; with a LazyFrame and
PANDERA_VALIDATION_DEPTH=SCHEMA_AND_DATA each check would read the files anew. `lazy=True` has it look at all
checks, as the others do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pandera.polars as pa
import polars as pl

from benchmarks.validation import limits, measured

TYPES = {
    "id": pl.Int64,
    "station": pl.Int32,
    "visits": pl.Int64,
    "temperature": pl.Float64,
    "pressure": pl.Float64,
    "status": pl.String,
    "serial": pl.String,
    "measured_at": pl.Datetime("us", "UTC"),
    "day": pl.Date,
    "valid": pl.Boolean,
}


def broken(folder: Path, rows: int) -> Sequence[str]:
    """Read the files and validate them as one frame."""
    frame = pl.scan_parquet(folder / "**/*.parquet", hive_partitioning=False).collect(engine="streaming")
    try:
        schema(rows).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        return [f"{error.schema.name} {error.check}" for error in errors.schema_errors]
    return []


def schema(rows: int) -> pa.DataFrameSchema:
    """All limits."""
    columns = {
        name: pa.Column(
            dtype, checks(name), nullable=name not in limits.REQUIRED, unique=name == "id", name=name
        )
        for name, dtype in TYPES.items()
    }
    row_count = pa.Check(lambda data: data.lazyframe.select(pl.len() == rows), name="row count")
    return pa.DataFrameSchema(columns, checks=[row_count])


def checks(name: str) -> list[pa.Check]:
    """The checks of one column."""
    asked = []
    if name in limits.RANGES:
        low, high = limits.RANGES[name]
        asked += [pa.Check.in_range(low, high), *(quantile(name, share) for share in limits.QUANTILES)]
    if name == "day":
        asked.append(pa.Check.in_range(limits.FIRST_DAY, limits.LAST_DAY))
    if name == "status":
        asked.append(pa.Check.isin(limits.STATUSES))
    if name in limits.NULLS_AT_MOST_PERCENT:
        share = limits.NULLS_AT_MOST_PERCENT[name] / 100
        asked.append(of_column(lambda column: column.is_null().mean() <= share, "nulls"))
    if name == "measured_at":
        oldest = limits.NOW - timedelta(days=limits.FRESH_DAYS)
        asked.append(of_column(lambda column: column.max() >= oldest, "freshness"))
    return asked


def quantile(name: str, share: float) -> pa.Check:
    """One quantile within the column's range."""
    low, high = limits.RANGES[name]
    return of_column(lambda column: column.quantile(share).is_between(low, high), f"quantile {share}")


def of_column(is_kept: Callable[[pl.Expr], pl.Expr], name: str) -> pa.Check:
    """A check of the column as a whole."""
    return pa.Check(lambda data: data.lazyframe.select(is_kept(pl.col(data.key))), name=name)


if __name__ == "__main__":
    measured.main(broken)
