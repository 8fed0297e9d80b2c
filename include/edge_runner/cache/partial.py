"""A blob on its way into the cache: its pieces come in any order and are hashed in the right one.

The file is locked while a run brings it, so that two runs share the work instead of doing it twice. What has
been hashed of a large blob is noted beside it; a run that was killed goes on from there, unless the machine
was restarted, which may have lost what was written last.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

from blake3 import blake3

from edge_runner.blobs.errors import corrupt
from edge_runner.cache.disk import begin_writing_back
from edge_runner.cache.index import Entry
from edge_runner.cache.layout import READ_ONLY, Cache, boot_id
from edge_runner.manifest import ManifestBlob

PIECE_BYTES = 4 * 1024 * 1024
SLICE_BYTES = 64 * 1024
"""Written and hashed at once. Larger slices leave the processor's cache in between, and the kernel takes
larger pages for them, which are dearer to get (measured, system CPU seconds per GB of staging: 0.6 to 0.8 in
slices of 64 KiB, 0.5 to 1.5 of 256 KiB, up to 2.3 of 4 MiB).
"""
WRITTEN_BACK_EVERY_BYTES = 2 * PIECE_BYTES
NOTED_EVERY_BYTES = 16 * PIECE_BYTES


class Partial:
    """One blob's file; see the module. Made by `claim`."""

    def __init__(self, cache: Cache, pin: str, blob: ManifestBlob, descriptor: int) -> None:
        self.blob = blob
        self.pin = pin
        self._path = cache.partial_path(pin)
        self._note_path = self._path.with_name(f"{pin}.json")
        self._descriptor = descriptor
        self._blake3 = blake3()
        self._md5 = hashlib.md5(usedforsecurity=False) if blob.md5 is not None else None
        self.hashed_bytes = 0
        self._noted_bytes = 0
        self._written_back_bytes = 0

    @property
    def is_complete(self) -> bool:
        """Whether every byte is there and hashed."""
        return self.hashed_bytes == self.blob.size

    def resume(self) -> None:
        """Go on from what an earlier run has left, if it can be relied on."""
        for start, length in pieces(0, self._readable_bytes()):
            self._hash(os.pread(self._descriptor, length, start))

    def missing(self) -> Iterator[tuple[int, int]]:
        """Offset and length of each piece that is still to be brought."""
        return pieces(self.hashed_bytes, self.blob.size)

    def take(self, content: memoryview) -> None:
        """Write and hash the piece that follows what has been hashed."""
        for start in range(0, len(content), SLICE_BYTES):
            part = content[start : start + SLICE_BYTES]
            write_all(self._descriptor, part, self.hashed_bytes)
            self._hash(part)
        self._begin_writing_back()
        if self.hashed_bytes - self._noted_bytes >= NOTED_EVERY_BYTES:
            self._note()

    def finish(self, cache: Cache) -> Entry:
        """Move the complete blob to its object, unless that is there already.

        Raises:
            StepError: kind `DataCorrupt`, when it does not have the MD5 of the manifest.
        """
        if self._md5 is not None:
            require_md5(self.blob, self._md5.digest())
        return moved_in(cache, self._path, self._descriptor, self._blake3.hexdigest())

    def close(self, *, keep: bool) -> None:
        """Let go of the file; what a later run can go on from may be kept."""
        if keep and PIECE_BYTES <= self.hashed_bytes < self.blob.size:
            self._note()
        else:
            if self._is_large:
                self._note_path.unlink(missing_ok=True)
            if _is_at(self._descriptor, self._path):
                self._path.unlink()
        os.close(self._descriptor)

    def _hash(self, content: bytes | memoryview) -> None:
        self._blake3.update(content)
        if self._md5 is not None:
            self._md5.update(content)
        self.hashed_bytes += len(content)

    def _begin_writing_back(self) -> None:
        length = self.hashed_bytes - self._written_back_bytes
        if length >= WRITTEN_BACK_EVERY_BYTES:
            begin_writing_back(self._descriptor, self._written_back_bytes, length)
            self._written_back_bytes = self.hashed_bytes

    def _note(self) -> None:
        self._noted_bytes = self.hashed_bytes
        note = {"boot_id": boot_id(), "hashed_bytes": self.hashed_bytes}
        temporary = self._note_path.with_suffix(".new")  # not flushed: that would wait for the blob, too
        temporary.write_text(json.dumps(note))
        temporary.replace(self._note_path)

    @property
    def _is_large(self) -> bool:
        """Whether it comes in several pieces; only then there is something to note."""
        return self.blob.size > PIECE_BYTES

    def _readable_bytes(self) -> int:
        if not self._is_large:
            return 0
        try:
            note = json.loads(self._note_path.read_bytes())
            if note["boot_id"] != boot_id():
                return 0
            written = os.fstat(self._descriptor).st_size
            return min(int(note["hashed_bytes"]), written, self.blob.size - 1)
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return 0


def claim(cache: Cache, pin: str, blob: ManifestBlob) -> Partial | None:
    """Begin or go on with a blob; None when another run is bringing it or has just brought it."""
    path = cache.partial_path(pin)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    if not _is_at(descriptor, path):
        os.close(descriptor)
        return None
    partial = Partial(cache, pin, blob, descriptor)
    partial.resume()
    return partial


def keep_small(cache: Cache, blob: ManifestBlob, content: bytes) -> Entry:
    """A blob that came in one piece, which nobody has claimed: two runs at once may each bring it.

    Raises:
        StepError: kind `DataCorrupt`, when it does not have the MD5 of the manifest.
    """
    if blob.md5 is not None:
        require_md5(blob, hashlib.md5(content, usedforsecurity=False).digest())
    path = cache.new_partial()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, READ_ONLY)
    try:
        write_all(descriptor, memoryview(content), 0)
        return moved_in(cache, path, descriptor, blake3(content).hexdigest())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def write_all(descriptor: int, content: memoryview, offset: int) -> None:
    """Write every byte, or raise: a disk that is just full takes some of them and says nothing else."""
    while content:
        written = os.pwrite(descriptor, content, offset)
        content, offset = content[written:], offset + written


def require_md5(blob: ManifestBlob, digest: bytes) -> None:
    """Make sure that a blob's content has the MD5 of the manifest.

    Raises:
        StepError: kind `DataCorrupt`.
    """
    found = b64encode(digest).decode()
    if found != blob.md5:
        raise corrupt(blob.name, f"has MD5 {found}, expected {blob.md5}")


def moved_in(cache: Cache, path: Path, descriptor: int, address: str) -> Entry:
    """Move a complete file to its object, unless that is there already."""
    target, status = cache.object_path(address), os.fstat(descriptor)
    if cache.holds(address, status.st_size):
        path.unlink()
        return Entry.of(address, target.stat())
    os.fchmod(descriptor, READ_ONLY)
    path.replace(target)
    return Entry.of(address, status)


def pieces(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Offset and length of each piece between two places of a blob."""
    return ((offset, min(PIECE_BYTES, end - offset)) for offset in range(start, end, PIECE_BYTES))


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether the open file still has this path: the run that had it locked may have moved it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
