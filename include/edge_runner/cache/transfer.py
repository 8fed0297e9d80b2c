"""Brings blobs from the store into the cache over several connections at once.

Threads take one piece after the other, in the order of the blobs, so memory is bounded by the number of
threads times the size of a piece, and a single large blob uses all connections.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Lock, Thread

from edge_runner.blobs.http import Abandoned
from edge_runner.blobs.store import BlobStore
from edge_runner.cache.index import Entry
from edge_runner.cache.layout import Cache, boot_id
from edge_runner.cache.partial import PIECE_BYTES, Partial, claim
from edge_runner.cache.progress import Progress
from edge_runner.manifest import ManifestBlob


@dataclass(frozen=True)
class Wanted:
    """A blob that is to be brought; `pin` is the identity of this version of it."""

    pin: str
    blob: ManifestBlob


@dataclass(frozen=True)
class Piece:
    """A part of a blob."""

    partial: Partial
    offset: int
    length: int


class Transfer:
    """One round of bringing blobs.

    Attributes:
        elsewhere: After the round: the blobs that another run is bringing.
    """

    def __init__(self, store: BlobStore, cache: Cache, progress: Progress, parallel: int) -> None:
        """Prepare a round.

        Args:
            store: Where the blobs are.
            cache: Where they go.
            progress: Is told of every byte and blob.
            parallel: Number of connections.
        """
        self.elsewhere: list[Wanted] = []
        self._store = store
        self._cache = cache
        self._progress = progress
        self._parallel = parallel
        self._boot_id = boot_id()
        self._open: set[Partial] = set()
        self._lock = Lock()
        self._failed = False
        self._ends: SimpleQueue[tuple[str, Entry] | BaseException | None] = SimpleQueue()

    def bring(self, wanted: Sequence[Wanted]) -> Iterator[tuple[str, Entry]]:
        """Bring the blobs; gives pin and object of each as soon as it is there, in no certain order.

        Raises:
            StepError: kind `DataChanged`, `DataCorrupt`, `StoreUnavailable` or `StoreRefused`: the first that
                happened. What had arrived of a large blob is kept for a later round.
        """
        work = self._pieces(wanted)
        threads = [Thread(target=self._work, args=(work,), name="stage") for _ in range(self._parallel)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(self._parallel):
                while (end := self._ends.get()) is not None:
                    if isinstance(end, BaseException):
                        raise end
                    yield end
        finally:
            self._stop()
            for thread in threads:
                thread.join()
            for partial in self._open:
                partial.close(keep=True)

    def _pieces(self, wanted: Sequence[Wanted]) -> Iterator[Piece]:
        """Every piece of every blob, the blobs in order, each claimed when its turn comes."""
        for one in wanted:
            partial = claim(self._cache, one.pin, one.blob)
            if partial is None:
                self.elsewhere.append(one)
                continue
            self._open.add(partial)
            self._progress.add_bytes(partial.hashed_bytes)
            for offset, length in partial.missing():
                yield Piece(partial, offset, length)

    def _work(self, work: Iterator[Piece]) -> None:
        """What each thread does: piece by piece, until there are no more or one of them has failed."""
        buffer = memoryview(bytearray(PIECE_BYTES))
        try:
            while not self._failed:
                with self._lock:
                    piece = next(work, None)
                if piece is None:
                    break
                self._bring_piece(piece, buffer[: piece.length])
        except Abandoned:
            pass
        except BaseException as error:  # noqa: BLE001  (raised again by the thread that asked for the blobs)
            self._ends.put(error)
        finally:
            self._ends.put(None)

    def _bring_piece(self, piece: Piece, content: memoryview) -> None:
        partial, blob = piece.partial, piece.partial.blob
        self._store.read_into(content, blob.name, blob.etag, blob.size, piece.offset)
        complete = partial.take(piece.offset, content)
        self._progress.add_bytes(piece.length)
        if not complete:
            return
        try:
            address, status = partial.finish(self._cache)
        finally:
            with self._lock:
                self._open.remove(partial)
            partial.close(keep=False)
        entry = Entry(address, blob.size, status.st_ino, status.st_mtime_ns, self._boot_id, time.time())
        self._progress.add_blob()
        self._ends.put((partial.pin, entry))

    def _stop(self) -> None:
        """Make every thread end soon; nothing to do when all have ended."""
        self._failed = True
        if self._open:
            self._store.close()
        for partial in list(self._open):
            partial.abandon()
