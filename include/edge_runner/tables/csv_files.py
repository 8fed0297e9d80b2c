"""Reads CSV files (RFC 4180: commas, quotes, one header) in batches of text."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
import pyarrow as pa
from pyarrow import csv

from edge_runner.protocol import StepError
from edge_runner.sentences import number_of
from edge_runner.tables.blocks import BlockStream, blocks
from edge_runner.tables.files import DataFile
from edge_runner.tables.quotes import strictly_quoted

OTHER_SEPARATORS = frozenset(";\t|")
BLOCK_BYTES = 4 * 2**20


def csv_batches(file: DataFile, wanted: frozenset[str]) -> Iterator[pl.DataFrame]:
    """The wanted columns of a file, as text: an empty cell is null, a quoted empty one is empty text.

    Args:
        file: The file.
        wanted: Names of columns; those that are not there are left out. When none is, the first column says
            how many rows there are.

    Yields:
        At least one batch.

    Raises:
        StepError: kind `DataRejected`, naming the file and what is wrong with it.
    """
    ragged: list[csv.InvalidRow] = []

    def refuse(row: csv.InvalidRow) -> str:
        ragged.append(row)
        return "error"

    stream = BlockStream(strictly_quoted(file, blocks(file)))
    try:
        names = _header(file, wanted)
        reader = csv.open_csv(
            stream,
            read_options=csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
            parse_options=csv.ParseOptions(newlines_in_values=True, invalid_row_handler=refuse),
            convert_options=csv.ConvertOptions(
                include_columns=[name for name in names if name in wanted] or names[:1],
                column_types={name: pa.string() for name in names},
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                null_values=[""],
            ),
        )
        yield _text(reader.schema.empty_table())
        for batch in reader:
            yield _text(batch)
    except pa.ArrowInvalid:
        raise _unreadable(file, ragged) from None


def _header(file: DataFile, wanted: frozenset[str]) -> list[str]:
    """The names in the first line; each stands there once.

    Only wanted names are told: in a file without a header the first line is a row.
    """
    reader = csv.open_csv(
        BlockStream(blocks(file)),
        read_options=csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
        parse_options=csv.ParseOptions(newlines_in_values=True, invalid_row_handler=lambda _: "skip"),
    )
    names = list(reader.schema.names)
    for name in sorted(names):
        if names.count(name) > 1:
            shown = f"the column {name!r}" if name in wanted else "a column that the contract does not name"
            raise file.rejected(f"has {shown} {names.count(name)} times", "name each column once")
    if len(names) == 1 and names[0] not in wanted:
        for sign in OTHER_SEPARATORS & set(names[0]):
            raise file.rejected(f"has one column, with {sign!r} in its name", "separate cells by commas")
    return names


def _text(batch: pa.RecordBatch | pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(batch)
    assert isinstance(frame, pl.DataFrame)  # a batch is no column
    return frame


def _unreadable(file: DataFile, ragged: list[csv.InvalidRow]) -> StepError:
    """What is wrong with a file; the library's own text is not shown, for it holds the row."""
    if not ragged:
        return file.rejected("is no readable CSV file")
    row = ragged[0]
    return file.rejected(
        f"has {number_of(row.actual_columns, 'cell', 'cells')} in row {row.number}, "
        f"expected {row.expected_columns} as in its header"
    )
