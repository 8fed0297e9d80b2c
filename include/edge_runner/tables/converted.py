"""Brings text files to Parquet in the job's directory: read once and strictly, then scanned as needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from edge_runner.contracts.document import invalid
from edge_runner.contracts.dtypes import json_dtype
from edge_runner.contracts.model import Column
from edge_runner.tables.cells import read_cells
from edge_runner.tables.csv_files import csv_batches
from edge_runner.tables.files import DataFile, Format
from edge_runner.tables.json_files import WRITTEN_AS_TEXT, json_batches

SAMPLED_ROWS = 1000
"""Rows with a cell that cannot be read that are kept for people on the site, per file and column."""

Batches = Iterator[tuple[pl.DataFrame, dict[str, int]]]


@dataclass(frozen=True)
class Converted:
    """A text file as Parquet.

    Attributes:
        path: The Parquet file.
        wrong: How many cells of which column cannot be read as its type; these are null.
        samples: For these columns, some of the rows as they are written.
    """

    path: Path
    wrong: dict[str, int]
    samples: dict[str, pl.DataFrame]


def convert(file: DataFile, kind: Format, columns: tuple[Column, ...], path: Path) -> Converted:
    """Write a text file as Parquet with the contract's columns, as far as the file has them.

    Raises:
        StepError: kind `DataRejected`, naming the file and what is wrong with it.
    """
    wrong: dict[str, int] = {}
    samples: dict[str, pl.DataFrame] = {}
    writer: pq.ParquetWriter | None = None
    try:
        for text, already_wrong in _batches(file, kind, columns):
            typed, unreadable = _typed(text, columns)
            table = typed.to_arrow()
            writer = writer or pq.ParquetWriter(path, table.schema, compression="lz4")
            writer.write_table(table)
            for name, is_wrong in unreadable.items():
                already_wrong[name] = already_wrong.get(name, 0) + int(is_wrong.sum())
                samples[name] = _sampled(samples.get(name), text.filter(is_wrong))
            for name, count in already_wrong.items():
                wrong[name] = wrong.get(name, 0) + count
    finally:
        if writer is not None:
            writer.close()
    if writer is None:
        raise file.rejected("has no rows, not even a header")
    return Converted(path, {name: count for name, count in wrong.items() if count}, samples)


def require_readable(kind: Format, columns: tuple[Column, ...]) -> None:
    """Refuse columns that a text format cannot hold.

    Raises:
        StepError: kind `ContractInvalid`.
    """
    for column in columns:
        if kind == "CSV" and (
            column.logical_type in ("object", "array") or column.physical_type in ("STRUCT", "LIST")
        ):
            raise invalid(
                f"column {column.name!r} is nested, which CSV cannot hold", "deliver another format"
            )
        dtype = json_dtype(column)
        is_open = dtype is None and column.logical_type in ("object", "array")
        if kind == "JSON lines" and (is_open or _has_text_inside(dtype)):
            raise invalid(
                f"column {column.name!r} is nested, and not all that is in it is described as string, "
                "integer, number or boolean",
                "describe its properties or items, or deliver Parquet",
            )


def _has_text_inside(dtype: pl.DataType | None) -> bool:
    inner = [field.dtype for field in dtype.fields] if isinstance(dtype, pl.Struct) else []
    inner += [dtype.inner] if isinstance(dtype, pl.List) else []
    return any(
        isinstance(found, WRITTEN_AS_TEXT) or _has_text_inside(found)
        for found in inner
        if isinstance(found, pl.DataType)
    )


def _batches(file: DataFile, kind: Format, columns: tuple[Column, ...]) -> Batches:
    if kind == "CSV":
        yield from ((batch, {}) for batch in csv_batches(file, frozenset(column.name for column in columns)))
        return
    dtypes: Mapping[str, pl.DataType] = {column.name: json_dtype(column) or pl.String() for column in columns}
    yield from json_batches(file, dtypes)


def _typed(text: pl.DataFrame, columns: tuple[Column, ...]) -> tuple[pl.DataFrame, dict[str, pl.Series]]:
    """A batch with its types, and which of its cells cannot be read."""
    read = [column for column in columns if text.schema.get(column.name) == pl.String]
    typed = text.with_columns(read_cells(column) for column in read)
    masks = {column.name: text[column.name].is_not_null() & typed[column.name].is_null() for column in read}
    return typed, {name: mask for name, mask in masks.items() if mask.any()}


def _sampled(kept: pl.DataFrame | None, found: pl.DataFrame) -> pl.DataFrame:
    return (found if kept is None else kept.vstack(found)).head(SAMPLED_ROWS)
