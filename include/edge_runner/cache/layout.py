"""Where everything in the cache lies, and what makes a blob and its content the same again.

    index.sqlite             which pinned blob is which object, when each was checked and used; see `index`
    objects/<aa>/<blake3>    the bytes, read-only
    views/<data digest>/     one tree of hard links per manifest: what a training script sees
    partial/<pin>            a blob on its way; locked by the run that brings it
    partial/<pin>.json       how far it has come

Several runs may stage at once: files appear by atomic rename only, and whoever comes second finds the work
done. Content is addressed by BLAKE3, which costs a third of the CPU of SHA-256 (docs/decisions/0014).
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import uuid
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path

from blake3 import blake3

from edge_runner.manifest import ManifestBlob
from edge_runner.protocol import canonical_json

ABANDONED_AFTER_S = 24 * 3600
READ_ONLY = 0o444
READ_BYTES = 4 * 1024 * 1024
THIS_PROCESS = uuid.uuid4().hex
NUMBERS = count()
BOOT_ID_PATH = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Cache:
    """Owns every path below the cache directory."""

    root: Path

    def prepare(self) -> None:
        """Make every folder, so that nobody has to look for one later."""
        for number in range(256):
            (self.root / "objects" / f"{number:02x}").mkdir(parents=True, exist_ok=True)
        for name in ("views", "partial"):
            (self.root / name).mkdir(exist_ok=True)

    @property
    def index_path(self) -> Path:
        """The index's database."""
        return self.root / "index.sqlite"

    def object_path(self, address: str) -> Path:
        """Where content with this BLAKE3 digest is kept."""
        return Path(f"{self.root}/objects/{address[:2]}/{address}")  # parsed once: there are many

    def view_path(self, data_digest: str) -> Path:
        """The tree of hard links of one manifest."""
        return self.root / "views" / data_digest

    def partial_path(self, pin: str) -> Path:
        """Where a pinned blob is put together."""
        return self.root / "partial" / pin

    def new_partial(self) -> Path:
        """A fresh path for a file or tree being written, on the same file system as all others."""
        return Path(f"{self.root}/partial/{THIS_PROCESS}-{next(NUMBERS)}")

    def holds(self, address: str, size: int) -> bool:
        """Whether an object is here with the right content, which is read for it."""
        path = self.object_path(address)
        try:
            return path.stat().st_size == size and address_of(path) == address
        except FileNotFoundError:
            return False

    def objects(self) -> list[Path]:
        """Every object that lies here."""
        return [path for path in self.root.glob("objects/??/*") if path.is_file()]

    def views(self) -> list[Path]:
        """Every view that lies here."""
        return list(self.root.glob("views/*"))

    def remove_abandoned(self, now_s: float) -> None:
        """Remove what killed runs left half-written a day ago or earlier."""
        for path in (self.root / "partial").glob("*"):
            with suppress(FileNotFoundError):  # another run was faster
                if now_s - path.stat().st_mtime > ABANDONED_AFTER_S:
                    shutil.rmtree(path) if path.is_dir() else _unlink_unless_locked(path)


def _unlink_unless_locked(path: Path) -> None:
    """Remove a file that no run has claimed: one may go on with what has lain here for a day."""
    with path.open("rb") as file, suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()


def pin_of(endpoint: str, container: str, blob: ManifestBlob) -> str:
    """The identity of one version of one blob: SHA-256 over where it is, its ETag and its size."""
    return hashlib.sha256(canonical_json([endpoint, container, blob.name, blob.etag, blob.size])).hexdigest()


def address_of(path: Path) -> str:
    """The BLAKE3 digest of a file's content, in hex."""
    digest = blake3()
    with path.open("rb") as file:
        while chunk := file.read(READ_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


@cache
def boot_id() -> str:
    """Another one after each start of the machine: what was written before may then be lost in part."""
    return BOOT_ID_PATH.read_text().strip()
