"""Holds the quotes of a CSV file against RFC 4180 while it is read.

A cell that begins with a lone quote takes all rows up to the next quote for its text, and Arrow takes what
stands behind that for the rest of the cell: the rows would be lost and nobody told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np

from edge_runner.tables.files import DataFile

QUOTE = ord('"')
LINE_END = b"\n"
MAY_STAND_BESIDE = np.isin(np.arange(256), list(b',\r\n"'))
"""Before a quote that opens a cell's text, and behind one that closes it. Of two in a row within a cell, the
first counts as closing and the second as opening.
"""


def strictly_quoted(file: DataFile, blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Pass on the blocks of a CSV file while its quotes stand where they may.

    Raises:
        StepError: kind `DataRejected`, when one stands within an unquoted cell or has text behind its cell,
            naming the line; when the last one is never closed.
    """
    seen, quotes, line = LINE_END, 0, 1
    for block in chain(blocks, [None]):
        text = seen + (LINE_END if block is None else block)
        places = _places(text)
        wrong = _first_misplaced(text, places, is_open=quotes % 2 == 1)
        if wrong is not None:
            raise file.rejected(
                f"has a quote in line {line + text.count(LINE_END, 1, wrong)} that neither opens nor closes "
                "a cell, so rows could be lost",
                "put cells with quotes into quotes, and write each quote in them twice",
            )
        quotes += len(places)
        if block is not None:
            yield block
        line += text.count(LINE_END, 1, len(text) - 1)
        seen = text[-2:]  # what a quote stands between is not there yet
    if quotes % 2:
        raise file.rejected("opens a quote that is never closed, so rows would be lost")


def _places(text: bytes) -> np.ndarray:
    """Where the quotes are, but for the first and the last byte, which have no neighbour here."""
    return np.flatnonzero(np.frombuffer(text, dtype=np.uint8)[1:-1] == QUOTE) + 1


def _first_misplaced(text: bytes, places: np.ndarray, *, is_open: bool) -> int | None:
    """The first quote with something else beside it than a cell's end; every second one closes a cell."""
    found = np.frombuffer(text, dtype=np.uint8)
    opening, closing = places[int(is_open) :: 2], places[1 - int(is_open) :: 2]
    wrong = [
        *opening[~MAY_STAND_BESIDE[found[opening - 1]]][:1],
        *closing[~MAY_STAND_BESIDE[found[closing + 1]]][:1],
    ]
    return int(min(wrong)) if wrong else None
