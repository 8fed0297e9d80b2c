"""Measures columns on the site. What is measured stays there; `profile.py` makes of it what may leave.

Each column is streamed once, and one at a time: what is held is bounded by the buckets of one column, not by
rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import polars as pl

from edge_runner.profiles.disclosure import PUBLIC_K, K
from edge_runner.profiles.scales import SCALES, Scale
from edge_runner.profiles.sketch import Sketch, make_sketch

MAX_CATEGORIES = 1000
"""A text column with more distinct values holds names or free text; its values are not even counted."""
PUBLIC = "public"
RESTRICTED = "restricted"
_KINDS: Mapping[str, Callable[[pl.DataType], bool]] = {
    "boolean": lambda dtype: dtype == pl.Boolean,
    "integer": lambda dtype: dtype.is_integer(),
    "number": lambda dtype: dtype.is_numeric(),
    "date": lambda dtype: dtype == pl.Date,
    "timestamp": lambda dtype: dtype == pl.Datetime,
    "time": lambda dtype: dtype == pl.Time,
    "text": lambda dtype: dtype == pl.String or dtype == pl.Categorical or dtype == pl.Enum,
}
_TOLD_TYPES = {"integer": "number"}


@dataclass(frozen=True, eq=False)
class Measured:
    """What a column holds; stays on the site.

    Attributes:
        name: The column.
        kind: A key of `SCALES`, `text`, `boolean`, or `other` for what is counted only.
        rows: All rows, nulls included.
        nulls: Rows without a value.
        nans: Rows with a value that is no number.
        distinct: Number of distinct values: estimated for a text with many (HyperLogLog), at least so many
            where the sketch cannot tell them apart, None where they are not counted.
        sketch: For the kinds of `SCALES`.
        categories: Rows by value, for texts and booleans; None when a text has too many.
        classification: The contract's word for who may see the column, or None.
    """

    name: str
    kind: str
    rows: int
    nulls: int
    nans: int = 0
    distinct: int | None = None
    sketch: Sketch | None = None
    categories: Mapping[str, int] | None = None
    classification: str | None = None

    @property
    def present(self) -> int:
        """Rows with a value that can be compared."""
        return self.rows - self.nulls - self.nans

    @property
    def k(self) -> int:
        """The smallest group of rows that may be told of."""
        return PUBLIC_K if self.classification == PUBLIC else K

    @property
    def told_type(self) -> str:
        """The kind as it stands in a profile."""
        return _TOLD_TYPES.get(self.kind, self.kind)


def measure_columns(frame: pl.LazyFrame, classifications: Mapping[str, str | None]) -> list[Measured]:
    """Measure columns.

    Args:
        frame: The data.
        classifications: The columns to measure, each with the contract's classification of it or None.
    """
    schema = frame.select(list(classifications)).collect_schema()
    kinds = {
        name: "other" if classifications[name] == RESTRICTED else kind_of(dtype)
        for name, dtype in schema.items()
    }
    counts = frame.select(
        pl.len().alias("rows"),
        *(pl.col(name).null_count().alias(f"nulls {name}") for name in kinds if kinds[name] not in SCALES),
        *(
            pl.col(name).approx_n_unique().alias(f"distinct {name}")
            for name in kinds
            if kinds[name] == "text"
        ),
    )
    row = counts.collect(engine="streaming").row(0, named=True)
    return [
        _measure_values(
            frame,
            Measured(
                name=name,
                kind=kind,
                rows=row["rows"],
                nulls=row.get(f"nulls {name}", 0),
                distinct=row.get(f"distinct {name}"),
                classification=classifications[name],
            ),
        )
        for name, kind in kinds.items()
    ]


def kind_of(dtype: pl.DataType) -> str:
    """The first kind that a type is of; `other` for what is only counted."""
    return next((kind for kind, fits in _KINDS.items() if fits(dtype)), "other")


def _measure_values(frame: pl.LazyFrame, column: Measured) -> Measured:
    if column.kind in SCALES:
        return _sketched(frame, column, SCALES[column.kind])
    if column.kind == "other" or (column.distinct or 0) > MAX_CATEGORIES:
        return column
    groups = _groups(frame, pl.col(column.name)).drop_nulls("key").cast({"key": pl.String})
    return replace(column, distinct=len(groups), categories=dict(groups.rows()))


def _sketched(frame: pl.LazyFrame, column: Measured, scale: Scale) -> Measured:
    groups = _groups(frame, scale.key_of(pl.col(column.name)))
    present = groups.drop_nulls("key")
    raw, counts = present["key"].to_numpy(), present["rows"].to_numpy()
    is_value = scale.is_value(raw)
    sketch = make_sketch(scale.keys_of(raw[is_value]), counts[is_value])
    return replace(
        column,
        nulls=int(groups["rows"].sum() - counts.sum()),
        nans=int(counts[~is_value].sum()),
        distinct=len(sketch.keys),
        sketch=sketch,
    )


def _groups(frame: pl.LazyFrame, key: pl.Expr) -> pl.DataFrame:
    """Rows by key; those without a value have the key null."""
    return frame.group_by(key.alias("key")).agg(pl.len().alias("rows")).collect(engine="streaming")
