"""Brings the manifest's blobs to the site's disk: verified, each once, and visible as a tree of files.

A blob that changed after the snapshot is refused by its ETag, one that does not have the promised bytes by
its checksum. The data set is therefore exactly the manifest's, or there is none.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from edge_runner.blobs.access import StoreAccess
from edge_runner.blobs.store import BlobStore
from edge_runner.cache.disk import wait_until_written
from edge_runner.cache.eviction import Budget, make_room
from edge_runner.cache.index import Entry, Index, opened
from edge_runner.cache.integrity import intact
from edge_runner.cache.layout import Cache, pin_of
from edge_runner.cache.progress import Progress, shown
from edge_runner.cache.transfer import Brought, Transfer, Wanted
from edge_runner.cache.views import ensure_view
from edge_runner.manifest import MANIFEST_NAME, ManifestBlob, read_manifest
from edge_runner.protocol import Dirs

RECORDED_EVERY_S = 1.0
TRIES = 3
LOOK_AGAIN_S = 0.5
"""Between two looks at what another run is bringing."""

Pins = Mapping[str, ManifestBlob]


def run(request: Mapping[str, Any], secrets: Mapping[str, str], dirs: Dirs) -> dict[str, Any]:
    """Stage the manifest of the snapshot step and link its view.

    Returns:
        `blobs`, `size_bytes`, `downloaded_bytes`, `reused_blobs`, `repaired_blobs` (damaged on the disk and
        brought again) and `evicted_bytes`.

    Raises:
        StepError: kind `DataChanged`, `DataCorrupt`, `DiskFull`, `StoreUnavailable` or `StoreRefused`.
    """
    data_digest = request["data_digest"]
    access = StoreAccess.of(request, secrets, dirs)
    blobs = read_manifest(dirs.inputs / "snapshot" / MANIFEST_NAME, data_digest)
    pins = {pin_of(access.endpoint, access.container, blob): blob for blob in blobs}
    cache = Cache(dirs.cache)
    cache.prepare()
    cache.remove_abandoned(time.time())
    with opened(cache.index_path) as index, closing(BlobStore(access)) as store:
        staging = Staging(store, cache, index, request)
        for tries_left in reversed(range(TRIES)):
            try:
                staging.complete(pins)
                index.use_view(data_digest, time.time())
                ensure_view(cache, data_digest, {blob: staging.here[pin] for pin, blob in pins.items()})
                break
            except FileNotFoundError:  # another run has evicted what we had just found
                if not tries_left:
                    raise
    wait_until_written(cache.root)  # the steps that follow go on after a power cut, and do not check again
    return staging.report(pins)


class Staging:
    """The work of one staging.

    Attributes:
        here: The objects of the blobs that are in the cache, by pin.
    """

    def __init__(self, store: BlobStore, cache: Cache, index: Index, request: Mapping[str, Any]) -> None:
        """Prepare; nothing is read yet.

        Args:
            store: Where the blobs are.
            cache: Where they go.
            index: Its index.
            request: `parallel`, `quota_bytes` and `keep_s`.
        """
        self.here: dict[str, Entry] = {}
        self._store = store
        self._cache = cache
        self._index = index
        self._parallel: int = request["parallel"]
        self._budget = Budget(request["quota_bytes"], request["keep_s"])
        self._downloaded: set[str] = set()
        self._downloaded_bytes = self._repaired_blobs = self._evicted_bytes = 0

    def complete(self, pins: Pins) -> None:
        """Bring whatever is not here.

        Raises:
            StepError: As `run`.
        """
        self.here.clear()
        self._look(pins)
        missing = self._missing(pins)
        needed_bytes = sum(blob.size for blob in missing.values())
        self._evicted_bytes += make_room(self._cache, self._index, needed_bytes, self._budget)
        progress = Progress("downloaded", len(missing), needed_bytes)
        with shown(progress):
            while missing:
                self._bring(missing, progress)
                missing = self._missing(missing)
                if missing:  # another run is bringing them
                    time.sleep(LOOK_AGAIN_S)
                    self._look(missing)
                    missing = self._missing(missing)

    def report(self, pins: Pins) -> dict[str, Any]:
        """What was done."""
        return {
            "blobs": len(pins),
            "size_bytes": sum(blob.size for blob in pins.values()),
            "downloaded_bytes": self._downloaded_bytes,
            "reused_blobs": len(pins) - len(self._downloaded),
            "repaired_blobs": self._repaired_blobs,
            "evicted_bytes": self._evicted_bytes,
        }

    def _look(self, pins: Pins) -> None:
        """What the cache has of these blobs by now."""
        known = self._index.use(list(pins), time.time())
        found = intact(self._cache, known, self._parallel)
        self._repaired_blobs += len(known) - len(found)
        changed = [(pin, entry) for pin, entry in found.items() if entry != known[pin]]
        if changed:
            self._index.record(changed, time.time())
        self.here |= found

    def _missing(self, pins: Pins) -> dict[str, ManifestBlob]:
        return {pin: blob for pin, blob in pins.items() if pin not in self.here}

    def _bring(self, missing: Pins, progress: Progress) -> None:
        """One round: everything that no other run is bringing."""
        transfer = Transfer(self._store, self._cache, progress, self._parallel)
        unrecorded: list[Brought] = []
        due_s = time.monotonic() + RECORDED_EVERY_S
        try:
            for brought in transfer.bring([Wanted(pin, blob) for pin, blob in missing.items()]):
                unrecorded += brought
                if unrecorded and time.monotonic() >= due_s:
                    self._record(unrecorded)
                    unrecorded, due_s = [], time.monotonic() + RECORDED_EVERY_S
        finally:
            self._record([*unrecorded, *transfer.close()])

    def _record(self, brought: list[Brought]) -> None:
        self._index.record(brought, time.time())
        self.here.update(brought)
        self._downloaded.update(pin for pin, _ in brought)
        self._downloaded_bytes += sum(entry.size for _, entry in brought)
