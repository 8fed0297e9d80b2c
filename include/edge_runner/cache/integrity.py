"""Whether what the cache promises is still on the disk.

An object is believed as long as it is the very file that was checked, unwritten since, in the same start of
the machine, and not too long ago. Otherwise its content is hashed again; one that is damaged goes.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from edge_runner.cache.index import Entry
from edge_runner.cache.layout import Cache, boot_id
from edge_runner.cache.progress import Progress, shown

BELIEVED_FOR_S = 7 * 24 * 3600.0


def intact(cache: Cache, known: Mapping[str, Entry], parallel: int) -> dict[str, Entry]:
    """Those of the known blobs whose content is here, each with when it was checked last.

    Args:
        cache: The cache.
        known: What the index says, by pin.
        parallel: How many files are read at once.
    """
    believed = {pin: entry for pin, entry in known.items() if _is_believed(cache, entry)}
    doubtful = {pin: entry for pin, entry in known.items() if pin not in believed}
    if not doubtful:
        return believed
    objects = {entry.address: entry for entry in doubtful.values()}  # several blobs may have the same bytes
    progress = Progress("checked", len(objects), sum(entry.size for entry in objects.values()))

    def check(entry: Entry) -> Entry | None:
        checked = _checked(cache, entry)
        progress.add_bytes(entry.size)
        progress.add_blob()
        return checked

    with shown(progress), ThreadPoolExecutor(parallel) as pool:
        checked = dict(zip(objects, pool.map(check, objects.values()), strict=True))
    found = {pin: checked[entry.address] for pin, entry in doubtful.items()}
    return believed | {pin: entry for pin, entry in found.items() if entry is not None}


def _is_believed(cache: Cache, entry: Entry) -> bool:
    try:
        status = cache.object_path(entry.address).stat()
    except FileNotFoundError:
        return False
    same_file = (entry.size, entry.inode, entry.mtime_ns) == (
        status.st_size,
        status.st_ino,
        status.st_mtime_ns,
    )
    return same_file and entry.boot_id == boot_id() and time.time() - entry.checked_s < BELIEVED_FOR_S


def _checked(cache: Cache, entry: Entry) -> Entry | None:
    """The object after its content was read, None when it is damaged, and removed, or not there."""
    path = cache.object_path(entry.address)
    if not cache.holds(entry.address, entry.size):
        path.unlink(missing_ok=True)
        return None
    return Entry.of(entry.address, path.stat())
