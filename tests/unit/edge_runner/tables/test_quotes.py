"""Quotes of CSV files: those of RFC 4180 pass in blocks of any size, others are refused with their line."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runner.protocol import StepError
from edge_runner.tables.files import DataFile
from edge_runner.tables.quotes import strictly_quoted

FILE = DataFile(Path("a.csv"), "holdout/a.csv", "holdout")


def passed_on(content: bytes, block_bytes: int) -> bytes:
    starts = range(0, len(content), block_bytes)
    return b"".join(strictly_quoted(FILE, (content[start : start + block_bytes] for start in starts)))


@given(
    rows=st.lists(st.lists(st.text(alphabet='a",\r\n', max_size=5), min_size=2, max_size=2), max_size=5),
    line_end=st.sampled_from(["\n", "\r\n"]),
    block_bytes=st.integers(1, 9),
)
def test_whatever_a_strict_writer_writes_passes_unchanged(rows, line_end, block_bytes):
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator=line_end).writerows(rows)
    content = written.getvalue().encode()
    assert passed_on(content, block_bytes) == content


@pytest.mark.parametrize("block_bytes", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b'x,y\n1,"abc\n2,def\n3,"ghi\n4,z\n', 4),
        (b'x,y\n1,"abc"def\n', 2),
        (b'x,y\n1,5" pipe\n2,6" pipe\n', 2),
        (b'x,y\n1,2\n3, "a,b"\n', 3),
        (b'x,y\n1,"a\\"b"\n', 2),
        (b'"x"z,y\n1,2\n', 1),
        (b'x,y\n1,""a"\n', 2),
    ],
)
def test_a_quote_that_neither_opens_nor_closes_a_cell_is_refused_with_its_line(content, line, block_bytes):
    with pytest.raises(StepError) as caught:
        passed_on(content, block_bytes)
    assert caught.value.message == (
        f"The file holdout/a.csv has a quote in line {line} that neither opens nor closes a cell, so rows "
        "could be lost; put cells with quotes into quotes, and write each quote in them twice."
    )


@pytest.mark.parametrize("block_bytes", [1, 100])
@pytest.mark.parametrize("content", [b'x,y\n1,"abc\n', b'x,y\n1,"abc""', b'x\n"'])
def test_a_quote_that_is_never_closed_is_refused(content, block_bytes):
    with pytest.raises(StepError, match="opens a quote that is never closed"):
        passed_on(content, block_bytes)
