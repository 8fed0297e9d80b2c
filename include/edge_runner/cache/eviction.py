"""Room for what is to come: what nobody has used for longest goes first, and no more than is needed.

An object counts as used whenever a run stages it. So a run's data are safe as long as the run takes less than
`keep_s`; nothing younger goes, whatever the quota.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from edge_runner.cache.index import Index
from edge_runner.cache.layout import ABANDONED_AFTER_S, Cache
from edge_runner.cache.views import remove_view
from edge_runner.protocol import StepError

SPARE_BYTES = 512 * 1024**2
"""What staging leaves free on the disk, for results and logs."""


@dataclass(frozen=True)
class Budget:
    """What the cache may take.

    Attributes:
        quota_bytes: All objects together; None for as much as the disk holds.
        keep_s: How long what was used is kept, whatever the quota.
        spare_bytes: What is left free on the disk.
    """

    quota_bytes: int | None
    keep_s: float
    spare_bytes: int = SPARE_BYTES


def make_room(cache: Cache, index: Index, needed_bytes: int, budget: Budget) -> int:
    """Evict until so many more bytes fit.

    Returns:
        The bytes of the objects that were evicted.

    Raises:
        StepError: kind `DiskFull`, when what may go is not enough; then no object that the index knows has
            gone.
    """
    if _lacking(cache, index, needed_bytes, budget) <= 0:
        return 0
    cutoff_s = time.time() - budget.keep_s
    _remove_views(cache, index, cutoff_s)
    _remove_orphans(cache, index)
    lacking = _lacking(cache, index, needed_bytes, budget)
    if lacking <= 0:
        return 0
    evictable = index.unused_bytes(cutoff_s)
    if evictable < lacking:
        raise _no_room(cache, needed_bytes, lacking - evictable, budget)
    before = index.size_bytes()
    for address in index.take_unused(cutoff_s, lacking):
        cache.object_path(address).unlink(missing_ok=True)
    return before - index.size_bytes()


def _lacking(cache: Cache, index: Index, needed_bytes: int, budget: Budget) -> int:
    """What is too little, on the disk or of the quota; 0 or less for nothing."""
    on_disk = needed_bytes + budget.spare_bytes - shutil.disk_usage(cache.root).free
    if budget.quota_bytes is None:
        return on_disk
    return max(on_disk, index.size_bytes() + needed_bytes - budget.quota_bytes)


def _remove_views(cache: Cache, index: Index, cutoff_s: float) -> None:
    """Links in old views would keep the bytes of objects that go on the disk.

    Removing one may take seconds, and meanwhile another run may take up the next, so each is asked for anew.
    """
    for view in cache.views():
        if _is_older(view, cutoff_s) and not index.is_view_used_since(view.name, cutoff_s):
            remove_view(cache, view.name)


def _remove_orphans(cache: Cache, index: Index) -> None:
    """Objects that a killed run had not recorded yet, or that a damaged index has forgotten."""
    known = index.addresses()
    for path in cache.objects():
        if path.name not in known and _is_older(path, time.time() - ABANDONED_AFTER_S):
            path.unlink(missing_ok=True)


def _is_older(path: Path, cutoff_s: float) -> bool:
    try:
        return path.stat().st_mtime < cutoff_s
    except FileNotFoundError:
        return False


def _no_room(cache: Cache, needed_bytes: int, lacking: int, budget: Budget) -> StepError:
    days = budget.keep_s / 86400
    free = shutil.disk_usage(cache.root).free
    quota = "" if budget.quota_bytes is None else f", the cache's quota is {megabytes(budget.quota_bytes)}"
    return StepError(
        "DiskFull",
        f"Staging needs {megabytes(needed_bytes)} more on the site's disk and lacks {megabytes(lacking)}: "
        f"{megabytes(free)} are free{quota}, and what may go is less, for the rest was used within {days:g} "
        "days; free or enlarge the disk, raise the quota, or train on a shorter window.",
    )


def megabytes(size_bytes: int) -> str:
    """A size as people read it."""
    return f"{size_bytes / 1e6:,.0f} MB"
