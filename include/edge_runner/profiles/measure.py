"""Measures columns on the site. What is measured stays there; `profile.py` makes of it what may leave.

Each column is streamed once, a text with few values twice, and one at a time: what is held is bounded by the
buckets of one column, not by rows. What rules ask of a column is answered by the same read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import polars as pl

from edge_runner.checks.row_rules import Answers, Questions
from edge_runner.contracts.dtypes import LOGICAL_DTYPES
from edge_runner.profiles.disclosure import PUBLIC, PUBLIC_K, RESTRICTED, K
from edge_runner.profiles.scales import SCALES, Scale
from edge_runner.profiles.sketch import Sketch, make_sketch

MAX_CATEGORIES = 1000
"""A text column with more distinct values holds names or free text; its values are not even counted."""
FIRST_ROWS = 100_000
"""So many show whether a text has few values. A wrong guess costs one more read, and changes no result."""
_KINDS = {
    "boolean": "boolean",
    "integer": "integer",
    "number": "number",
    "date": "date",
    "timestamp": "timestamp",
    "time": "time",
    "string": "text",
}
"""The kind of each of a contract's logical types; integers are numbers, too, and come before them."""
ROWS, NULLS, DISTINCT, TRUE, KEY = ("\0rows", "\0nulls", "\0distinct", "\0true", "\0key")
"""Columns of results, beside those that are named as the data's columns are; no file names one like this."""
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
        answers: To what rules ask of it, by the names of their questions.
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
    answers: Answers = field(default_factory=dict)

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


def measure_columns(
    frame: pl.LazyFrame,
    classifications: Mapping[str, str | None],
    asked: Mapping[str, Questions] = MappingProxyType({}),
) -> list[Measured]:
    """Measure columns, and answer what rules ask of them.

    Args:
        frame: The data.
        classifications: The columns to measure, each with the contract's classification of it or None.
        asked: By column.
    """
    schema = frame.select(list(classifications)).collect_schema()
    return [
        _measure(
            frame.select(name),
            Measured(
                name=name,
                kind="other" if classifications[name] == RESTRICTED else kind_of(dtype),
                rows=0,
                nulls=0,
                classification=classifications[name],
            ),
            asked.get(name, Questions()),
        )
        for name, dtype in schema.items()
    ]


def kind_of(dtype: pl.DataType) -> str:
    """The first kind that a type is of; `other` for what is only counted."""
    return next((kind for name, kind in _KINDS.items() if LOGICAL_DTYPES[name](dtype)), "other")


def _measure(frame: pl.LazyFrame, column: Measured, asked: Questions) -> Measured:
    match column.kind:
        case "text":
            return _text(frame, column, asked)
        case "boolean":
            return _boolean(frame, column, asked)
        case "other":
            return _counted(frame, column, asked.of_rows())
        case kind:
            return _sketched(frame, column, asked, SCALES[kind])


def _counted(frame: pl.LazyFrame, column: Measured, aggregates: Mapping[str, pl.Expr]) -> Measured:
    """The column with its rows and nulls, and the aggregates as its answers."""
    counts = {ROWS: pl.len(), NULLS: pl.col(column.name).null_count()}
    row = frame.select(**counts, **aggregates).collect(engine="streaming").row(0, named=True)
    return replace(column, rows=row.pop(ROWS), nulls=row.pop(NULLS), answers=row)


def _boolean(frame: pl.LazyFrame, column: Measured, asked: Questions) -> Measured:
    column = _counted(frame, column, asked.of_rows() | {TRUE: pl.col(column.name).sum()})
    true = column.answers[TRUE]
    counts = {"false": column.present - true, "true": true}
    categories = {value: count for value, count in counts.items() if count}
    return replace(column, distinct=len(categories), categories=categories)


def _text(frame: pl.LazyFrame, column: Measured, asked: Questions) -> Measured:
    """Few distinct values are counted, and rules looked up in them: a pattern for each row costs far more."""
    estimate = pl.col(column.name).approx_n_unique()
    first = frame.head(FIRST_ROWS).select(estimate).collect(engine="streaming").item()
    is_varied = first > MAX_CATEGORIES
    column = _counted(frame, column, {DISTINCT: estimate} | (asked.of_rows() if is_varied else {}))
    column = replace(column, distinct=column.answers[DISTINCT])
    if column.answers[DISTINCT] > MAX_CATEGORIES:
        return column if is_varied else _counted(frame, column, asked.of_rows())
    groups = _grouped(frame, pl.col(column.name)).collect(engine="streaming")
    answers = groups.rename({KEY: column.name}).select(pl.len().alias(DISTINCT), **asked.of_groups(ROWS))
    present = groups.drop_nulls(KEY).cast({KEY: pl.String})
    return replace(
        column,
        distinct=len(present),
        categories=dict(present.rows()),
        answers=answers.row(0, named=True),
    )


def _sketched(frame: pl.LazyFrame, column: Measured, asked: Questions, scale: Scale) -> Measured:
    grouped = _grouped(frame, scale.key_of(pl.col(column.name)))
    whole = frame.select(pl.len().alias(ROWS), **asked.of_rows())
    answers, groups = pl.collect_all([whole, grouped], engine="streaming")  # of one read
    present = groups.drop_nulls(KEY)
    raw, counts = present[KEY].to_numpy(), present[ROWS].to_numpy()
    is_value = scale.is_value(raw)
    sketch = make_sketch(scale.keys_of(raw[is_value]), counts[is_value])
    row = answers.row(0, named=True)
    rows = row.pop(ROWS)
    return replace(
        column,
        rows=rows,
        nulls=rows - int(counts.sum()),
        nans=int(counts[~is_value].sum()),
        distinct=len(sketch.keys),
        sketch=sketch,
        answers=row,
    )


def _grouped(frame: pl.LazyFrame, key: pl.Expr) -> pl.LazyFrame:
    """Rows by key; those without a value have the key null."""
    return frame.group_by(key.alias(KEY)).agg(pl.len().alias(ROWS))
