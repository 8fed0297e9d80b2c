"""Views: one tree of hard links per manifest, built at once or repaired in place."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from edge_runner.cache.index import Entry
from edge_runner.cache.layout import Cache
from edge_runner.manifest import SPLITS, ManifestBlob
from edge_runner.protocol import COMPLETE_NAME


def ensure_view(cache: Cache, data_digest: str, contents: Mapping[ManifestBlob, Entry]) -> None:
    """Make a manifest's tree, or make the tree that is there right again: no file more, none less.

    Args:
        cache: The cache.
        data_digest: The manifest's digest.
        contents: Each blob with its object.

    Raises:
        FileNotFoundError: An object is gone; another run evicted it.
    """
    view = cache.view_path(data_digest)
    if not view.is_dir():
        _build(cache, view, contents)
        return
    wanted = {view / blob.split / blob.name: entry for blob, entry in contents.items()}
    found = dict(_files_below(view))
    for path in found.keys() - wanted.keys() - {view / COMPLETE_NAME}:
        path.unlink(missing_ok=True)
    for path, entry in wanted.items():
        if found.get(path) != entry.inode:
            _relink(cache, path, entry)
    _say_complete(cache, view)


def remove_view(cache: Cache, data_digest: str) -> None:
    """Remove a manifest's tree, at once for whoever looks for it."""
    going = cache.new_partial()
    try:
        cache.view_path(data_digest).rename(going)
    except FileNotFoundError:
        return  # another run was faster
    shutil.rmtree(going)


def _build(cache: Cache, view: Path, contents: Mapping[ManifestBlob, Entry]) -> None:
    tree = cache.new_partial()
    for split in SPLITS:
        (tree / split).mkdir(parents=True)
    _say_complete(cache, tree)
    made: set[str] = set()
    for blob, entry in contents.items():
        link = f"{tree}/{blob.split}/{blob.name}"
        folder = os.path.dirname(link)  # noqa: PTH120  (a third of the time of paths: there are many)
        if folder not in made:
            Path(folder).mkdir(parents=True, exist_ok=True)
            made.add(folder)
        os.link(cache.object_path(entry.address), link)
    try:
        tree.rename(view)
    except OSError as error:  # another run was faster
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        shutil.rmtree(tree)


def _say_complete(cache: Cache, tree: Path) -> None:
    """Note the moment: what is here counts as used since then."""
    note = cache.new_partial()
    note.write_text(datetime.now(UTC).isoformat())
    note.replace(tree / COMPLETE_NAME)


def _relink(cache: Cache, link: Path, entry: Entry) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    temporary = cache.new_partial()
    os.link(cache.object_path(entry.address), temporary)
    temporary.replace(link)
    temporary.unlink(missing_ok=True)  # renaming a link onto another link of the same file does nothing


def _files_below(folder: Path) -> Iterator[tuple[Path, int]]:
    """Every file below a folder with its inode."""
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _files_below(Path(entry.path))
        else:
            yield Path(entry.path), entry.inode()
