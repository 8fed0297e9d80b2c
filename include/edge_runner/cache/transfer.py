"""Brings blobs from the store into the cache over several connections at once.

One thread receives: libcurl hands a body over in bits of 16 KiB, and threads would wait for each other's
interpreter lock at each of them. Two others write and hash whole pieces of large blobs, which takes no lock.
A small blob is written by the thread that has received it: handing it over costs more (measured, 2000 blobs
of 20 KB in memory: 0.48 s with no other thread, 0.51 s with one, 0.66 s with two). Pieces are asked for in
order, so the one that a blob waits for is always under way, and the buffers bound the memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from queue import SimpleQueue

from edge_runner.blobs.parts import PartReader
from edge_runner.blobs.store import BlobStore, Part
from edge_runner.cache.index import Entry
from edge_runner.cache.layout import Cache
from edge_runner.cache.partial import Partial, claim, keep_small
from edge_runner.cache.progress import Progress
from edge_runner.manifest import ManifestBlob
from edge_runner.protocol import StepError

HASHERS = 2
SPARE_BUFFERS = 4
"""Beyond one for each connection: for pieces that are hashed, or wait for those before them."""
SMALL_BYTES = 128 * 1024


@dataclass(frozen=True)
class Wanted:
    """A blob that is to be brought; `pin` is the identity of this version of it."""

    pin: str
    blob: ManifestBlob


@dataclass(eq=False)
class Arriving:
    """A blob whose pieces arrive.

    Attributes:
        pin: Which one it is.
        partial: Its file.
        waiting: Pieces that have arrived, by offset.
        is_hashing: Whether another thread is at work on it.
    """

    pin: str
    partial: Partial
    waiting: dict[int, Piece] = field(default_factory=dict)
    is_hashing: bool = False

    def next_piece(self) -> Piece | None:
        """The piece to be hashed now, if it is here and nobody is at work."""
        return None if self.is_hashing else self.waiting.pop(self.partial.hashed_bytes, None)


@dataclass(eq=False, kw_only=True)
class Piece(Part):
    """A part of an arriving blob; its buffer is used again."""

    arriving: Arriving


@dataclass(eq=False, kw_only=True)
class Small(Part):
    """A whole small blob."""

    wanted: Wanted


Brought = tuple[str, Entry]
"""A blob that has become whole: its pin, and what is known of its object."""
Hashed = tuple[Piece, Brought | None]
"""A piece that is hashed, and its blob when that has become whole."""


class Transfer:
    """One round of bringing blobs."""

    def __init__(self, store: BlobStore, cache: Cache, progress: Progress, connections: int) -> None:
        """Prepare a round.

        Args:
            store: Where the blobs are.
            cache: Where they go.
            progress: Is told of every byte and blob.
            connections: How many pieces are asked for at once.
        """
        self._cache = cache
        self._progress = progress
        self._reader = PartReader[Piece | Small](store, connections)
        self._hashers = ThreadPoolExecutor(HASHERS, thread_name_prefix="hash")
        self._buffers = [BytesIO() for _ in range(connections + SPARE_BUFFERS)]
        self._open: set[Arriving] = set()
        self._ended: SimpleQueue[Future[Hashed]] = SimpleQueue()
        self._working = 0
        self._brought: list[Brought] = []

    def bring(self, wanted: Sequence[Wanted]) -> Iterator[list[Brought]]:
        """Bring the blobs, but those that another run is bringing.

        After each part that arrives it gives pin and object of the blobs that have become whole meanwhile, in
        no certain order; often there are none.

        Raises:
            StepError: kind `DataChanged`, `DataCorrupt`, `StoreUnavailable` or `StoreRefused`: the first that
                happened. What had arrived of a large blob is kept by `close` for a later round.
        """
        parts = self._parts(wanted)
        while True:
            for part in self._reader.read(lambda: self._next(parts)):
                self._arrived(part)
                yield self._taken()
            if not self._working:
                return
            self._take_up()
            yield self._taken()

    def close(self) -> list[Brought]:
        """Break off what is under way; gives what had been brought and was not told yet."""
        self._reader.close()
        while self._working:
            with suppress(StepError, OSError):  # whoever closes us in the middle has heard of a first one
                self._take_up()
        self._hashers.shutdown()
        for arriving in self._open:
            arriving.partial.close(keep=True)
        return self._taken()

    def _parts(self, wanted: Sequence[Wanted]) -> Iterator[Piece | Small]:
        """Everything to ask for, the blobs in order; a large one is claimed when its turn comes."""
        for one in wanted:
            blob = one.blob
            if blob.size <= SMALL_BYTES:
                yield Small(blob.name, blob.etag, blob.size, 0, blob.size, BytesIO(), wanted=one)
            elif (partial := claim(self._cache, one.pin, blob)) is not None:
                arriving = Arriving(one.pin, partial)
                self._open.add(arriving)
                self._progress.add_bytes(partial.hashed_bytes)
                for offset, length in partial.missing():
                    span = offset, length, self._buffers.pop()
                    yield Piece(blob.name, blob.etag, blob.size, *span, arriving=arriving)

    def _next(self, parts: Iterator[Piece | Small]) -> Piece | Small | None:
        """What to ask for next, if there is memory for it."""
        while not self._ended.empty():
            self._take_up()
        return next(parts, None) if self._buffers else None

    def _arrived(self, part: Piece | Small) -> None:
        """Keep a small blob; let a piece be hashed when those before it have been."""
        if isinstance(part, Piece):
            part.arriving.waiting[part.offset] = part
            self._hash_what_is_due(part.arriving)
        else:
            self._keep(part)

    def _hash_what_is_due(self, arriving: Arriving) -> None:
        if (piece := arriving.next_piece()) is not None:
            arriving.is_hashing = True
            self._working += 1
            self._hashers.submit(self._hash, piece).add_done_callback(self._ended.put)

    def _hash(self, piece: Piece) -> Hashed:
        """In another thread: write and hash a piece, and move the blob in when it was the last one."""
        partial = piece.arriving.partial
        with piece.buffer.getbuffer() as content:
            partial.take(content[: piece.length])
        brought = (piece.arriving.pin, partial.finish(self._cache)) if partial.is_complete else None
        return piece, brought

    def _take_up(self) -> None:
        """Wait for another thread, use its piece's buffer again and go on with the blob."""
        ended = self._ended.get()
        self._working -= 1
        piece, brought = ended.result()
        arriving = piece.arriving
        arriving.is_hashing = False
        self._buffers.append(piece.buffer)
        self._progress.add_bytes(piece.length)
        if brought is None:
            self._hash_what_is_due(arriving)
            return
        self._open.remove(arriving)
        arriving.partial.close(keep=False)
        self._is_brought(brought)

    def _keep(self, small: Small) -> None:
        """Hash and write a small blob."""
        entry = keep_small(self._cache, small.wanted.blob, small.buffer.getvalue()[: small.length])
        self._progress.add_bytes(small.length)
        self._is_brought((small.wanted.pin, entry))

    def _is_brought(self, one: Brought) -> None:
        self._progress.add_blob()
        self._brought.append(one)

    def _taken(self) -> list[Brought]:
        """The blobs that have been brought since the last call."""
        brought, self._brought = self._brought, []
        return brought
