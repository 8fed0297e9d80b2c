"""The site's content-addressed cache: each distinct blob once, whatever uses it.

    objects/<aa>/<sha256>         the bytes, read-only
    etags/<aa>/<sha256 of pin>    a pinned blob's content SHA-256, to know it without downloading it
    views/<data digest>/<split>/  one tree of hard links per manifest: what a training script sees
    partial/                      files being written

Several runs may stage at once: files appear by atomic rename only, and whoever comes second finds the work
done.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edge_runner.manifest import SPLITS, ManifestBlob
from edge_runner.protocol import canonical_json

ABANDONED_AFTER_S = 24 * 3600
READ_ONLY = 0o444


@dataclass(frozen=True)
class Cache:
    """Owns every path below the cache directory."""

    root: Path

    def object_path(self, sha256: str) -> Path:
        """Where content with this SHA-256 is kept."""
        return self.root / "objects" / sha256[:2] / sha256

    def view_path(self, data_digest: str) -> Path:
        """The tree of hard links of one manifest."""
        return self.root / "views" / data_digest

    def new_partial(self) -> Path:
        """A fresh path for a file or tree being written, on the same file system as all others."""
        folder = self.root / "partial"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / uuid.uuid4().hex

    def find(self, pin: str, size: int) -> str | None:
        """The content SHA-256 of a pinned blob, when its bytes are here in full length."""
        try:
            sha256 = self._index_path(pin).read_text()
            return sha256 if self.object_path(sha256).stat().st_size == size else None
        except FileNotFoundError:
            return None

    def add(self, pin: str, partial: Path, sha256: str) -> None:
        """Move a complete, verified file into the cache and remember which pinned blob it is."""
        target = self.object_path(sha256)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.chmod(READ_ONLY)
        partial.replace(target)
        index = self._index_path(pin)
        index.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.new_partial()
        temporary.write_text(sha256)
        temporary.replace(index)

    def build_view(self, data_digest: str, contents: Iterable[tuple[ManifestBlob, str]]) -> Path:
        """Link every blob of a manifest into its tree, or repair the tree that is there.

        Args:
            data_digest: The manifest's digest.
            contents: Each blob with the SHA-256 of its content.
        """
        view = self.view_path(data_digest)
        if view.is_dir():
            for blob, sha256 in contents:
                self._relink(view / blob.split / blob.name, self.object_path(sha256))
            return view
        tree = self.new_partial()
        for split in SPLITS:
            (tree / split).mkdir(parents=True)
        for blob, sha256 in contents:
            link = tree / blob.split / blob.name
            link.parent.mkdir(parents=True, exist_ok=True)
            os.link(self.object_path(sha256), link)
        view.parent.mkdir(parents=True, exist_ok=True)
        _move_unless_there(tree, view)
        return view

    def remove_abandoned(self, now_s: float) -> None:
        """Remove what killed runs left half-written a day ago or earlier."""
        for path in (self.root / "partial").glob("*"):
            try:
                if now_s - path.stat().st_mtime > ABANDONED_AFTER_S:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            except FileNotFoundError:
                continue

    def _index_path(self, pin: str) -> Path:
        return self.root / "etags" / pin[:2] / pin

    def _relink(self, link: Path, target: Path) -> None:
        try:
            if link.samefile(target):
                return
        except FileNotFoundError:
            link.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.new_partial()
        os.link(target, temporary)
        temporary.replace(link)


def pin_of(endpoint: str, container: str, blob: ManifestBlob) -> str:
    """The identity of one version of one blob: SHA-256 over where it is, its ETag and its size."""
    return hashlib.sha256(canonical_json([endpoint, container, blob.name, blob.etag, blob.size])).hexdigest()


def _move_unless_there(tree: Path, view: Path) -> None:
    try:
        tree.rename(view)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        shutil.rmtree(tree)
