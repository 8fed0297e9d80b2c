"""Reads a part of one blob, as a transfer reads many."""

from __future__ import annotations

from contextlib import closing
from io import BytesIO

from edge_runner.blobs.parts import PartReader
from edge_runner.blobs.store import BlobStore, Part


def read_part(
    store: BlobStore,
    name: str = "b",
    size: int = 3,
    etag: str = "0x8D1",
    offset: int = 0,
    length: int | None = None,
) -> bytes:
    """Read from `offset` on, to the end when there is no length."""
    part = Part(name, etag, size, offset, size - offset if length is None else length, BytesIO())
    parts = iter([part])
    with closing(PartReader(store, connections=2)) as reader:
        assert list(reader.read(lambda: next(parts, None))) == [part]
    return part.buffer.getvalue()[: part.length]
