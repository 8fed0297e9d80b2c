"""All files of the data as one table, scanned lazily, with the types that rules compare with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from edge_runner.contracts.dtypes import normalised, normalised_dtype
from edge_runner.contracts.model import FILE, Column
from edge_runner.protocol import StepError
from edge_runner.tables.files import DataFile

READ_ERRORS = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)
UNITS = ("ms", "us", "ns")
"""Of timestamps, from coarse to fine."""


@dataclass(frozen=True)
class Part:
    """Parquet files of one schema and one set of values in their paths.

    Attributes:
        split: The part of the data they belong to.
        files: What is scanned, with the delivered file of each.
        dtypes: The types of those of the contract's columns that are in the files.
        constants: The values of those that are in the paths.
        constant_dtypes: Their types.
    """

    split: str
    files: Mapping[Path, DataFile]
    dtypes: Mapping[str, pl.DataType]
    constants: Mapping[str, Any]
    constant_dtypes: Mapping[str, pl.DataType]

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """Types after normalisation."""
        return {name: normalised_dtype(dtype) for name, dtype in self.dtypes.items()} | dict(
            self.constant_dtypes
        )


@dataclass(frozen=True)
class Table:
    """The data of all splits.

    Attributes:
        columns: The contract's columns, in its order.
        parts: The files.
        wrong: For columns of text files: how many cells of which file cannot be read.
        samples: For these columns, some rows as they are written, with the name of their file.
    """

    columns: tuple[Column, ...]
    parts: tuple[Part, ...]
    wrong: Mapping[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    samples: Mapping[str, pl.DataFrame] = field(default_factory=dict)

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """The normalised types that all files together need."""
        return {
            column.name: reduce(common_dtype, (part.schema[column.name] for part in self.parts))
            for column in self.columns
        }

    @property
    def files(self) -> list[DataFile]:
        """Every delivered file."""
        return [file for part in self.parts for file in part.files.values()]

    def frame(self, split: str | None = None, *, with_file: bool = False) -> pl.LazyFrame:
        """The rows, not read yet.

        Args:
            split: Of this part of the data only.
            with_file: Whether the column `FILE` is added; it holds the paths of what is scanned.

        Returns:
            The contract's columns: timestamps in UTC without a zone, categories as text.
        """
        schema = self.schema
        frames = [
            self._scan(part, schema, with_file=with_file)
            for part in self.parts
            if split in (None, part.split)
        ]
        return pl.concat(frames) if frames else pl.LazyFrame(schema=schema)

    def rows(self, split: str) -> int:
        """The number of a split's rows, from the files' footers."""
        files = [path for part in self.parts if part.split == split for path in part.files]
        return sum(pq.read_metadata(path).num_rows for path in files)

    def _scan(self, part: Part, schema: Mapping[str, pl.DataType], *, with_file: bool) -> pl.LazyFrame:
        found = pl.scan_parquet(
            list(part.files),
            glob=False,
            schema=dict(part.dtypes),
            hive_partitioning=False,
            extra_columns="ignore",
            include_file_paths=FILE if with_file else None,
        )
        values = [_value(column, part).cast(schema[column.name]) for column in self.columns]
        # Not select: of constants alone it would make one row.
        return found.with_columns(values).select(*schema, *([FILE] if with_file else []))


def _value(column: Column, part: Part) -> pl.Expr:
    if column.name in part.dtypes:
        return normalised(column, part.dtypes[column.name])
    dtype = part.constant_dtypes[column.name]
    return pl.lit(part.constants[column.name]).cast(dtype).alias(column.name)


def common_dtype(first: pl.DataType, second: pl.DataType) -> pl.DataType:
    """The type that holds the values of both, when files differ in width; raises when there is none."""
    if first == second:
        return first
    if isinstance(first, pl.Datetime) and isinstance(second, pl.Datetime):  # Polars would take the coarser
        return max(first, second, key=lambda dtype: UNITS.index(dtype.time_unit))
    both = pl.concat(
        [pl.DataFrame(schema={"x": first}), pl.DataFrame(schema={"x": second})], how="vertical_relaxed"
    )
    return both.schema["x"]


def read_schema(file: DataFile, path: Path) -> dict[str, pl.DataType]:
    """Read a Parquet file's columns and types from its footer.

    Raises:
        StepError: kind `DataRejected`, naming the file.
    """
    try:
        return dict(pl.scan_parquet(path, glob=False, hive_partitioning=False).collect_schema())
    except READ_ERRORS:
        raise _unreadable(file, path) from None


def _unreadable(file: DataFile, path: Path) -> StepError:
    """What is wrong with a file; delivered again, a whole one would be as it is."""
    try:
        names = pq.read_schema(path).names
    except (pa.ArrowException, OSError):
        return file.rejected("is no readable Parquet file")
    if len(set(names)) < len(names):
        return file.rejected("names a column twice", "name each column once")
    return file.rejected(
        "has a column of a type that cannot be read, such as an interval or a timestamp of an unknown zone",
        "deliver it with another type",
    )


def unreadable_file(table: Table) -> DataFile | None:
    """The file that makes a scan fail; the library's own text is not shown, for it can hold a value."""
    for part in table.parts:
        for path, file in part.files.items():
            found = pl.scan_parquet(path, glob=False, hive_partitioning=False)
            try:
                found.select(pl.col(list(part.dtypes)).null_count()).collect(engine="streaming")
            except READ_ERRORS:
                return file
    return None
