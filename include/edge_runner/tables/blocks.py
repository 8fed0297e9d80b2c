"""Reads a text file in blocks: decompressed, checked to be UTF-8, without its byte order mark."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator

from edge_runner.protocol import StepError
from edge_runner.tables.files import DataFile

BLOCK_BYTES = 8 * 2**20
BYTE_ORDER_MARK = "\ufeff".encode()


def blocks(file: DataFile, block_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
    """The content of a file, in blocks of at most this size.

    Raises:
        StepError: kind `DataRejected`, when the file is empty, not UTF-8, or no whole gzip file.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_first = True
    for block in _raw_blocks(file, block_bytes):
        try:
            decoder.decode(block)
        except UnicodeDecodeError:
            raise _not_utf8(file) from None
        yield block.removeprefix(BYTE_ORDER_MARK) if is_first else block
        is_first = False
    if is_first:
        raise file.rejected("is empty")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise _not_utf8(file) from None


def _not_utf8(file: DataFile) -> StepError:
    return file.rejected("is not written in UTF-8", "deliver it in UTF-8")


def _raw_blocks(file: DataFile, block_bytes: int) -> Iterator[bytes]:
    with gzip.open(file.path) if file.is_compressed else file.path.open("rb") as source:
        try:
            while block := source.read(block_bytes):
                yield block
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise file.rejected("is no whole gzip file") from None


class BlockStream(io.RawIOBase):
    """Blocks as a file that is read once, for a library that wants one."""

    def __init__(self, source: Iterator[bytes]) -> None:
        self._source = source
        self._rest = b""

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # any writable buffer
        """Fill a buffer with what comes next; 0 bytes are the end."""
        if not self._rest:
            self._rest = next(self._source, b"")
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size
