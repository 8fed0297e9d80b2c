"""Columns for tests, measured as the step measures them."""

from __future__ import annotations

import polars as pl
from hypothesis import settings

from edge_runner.profiles.measure import Measured, measure_columns

unhurried = settings(deadline=None, max_examples=50)
"""For properties that run queries: a busy machine is no failure."""


def measured(values, dtype=None, classification: str | None = None) -> Measured:
    """What is measured of one column `x` of these values."""
    frame = pl.LazyFrame({"x": pl.Series(values, dtype=dtype, strict=False)})
    (column,) = measure_columns(frame, {"x": classification})
    return column
