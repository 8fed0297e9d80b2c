"""Brings the manifest's blobs to the site's disk: verified, each once, and visible as a tree of files.

A blob that changed after the snapshot is refused by its ETag, one that does not have the promised bytes by
its checksum. The data set is therefore exactly the manifest's, or there is none.
"""

from __future__ import annotations

import hashlib
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_runner.blobs.access import StoreAccess
from edge_runner.blobs.store import BlobStore
from edge_runner.cache import Cache, pin_of
from edge_runner.manifest import MANIFEST_NAME, ManifestBlob, decode_manifest
from edge_runner.protocol import Dirs, StepError

PROGRESS_INTERVAL_S = 1.0


@dataclass(frozen=True)
class Staged:
    """One blob of the manifest that is now in the cache."""

    blob: ManifestBlob
    sha256: str
    downloaded: bool


def run(request: Mapping[str, Any], secrets: Mapping[str, str], dirs: Dirs) -> dict[str, Any]:
    """Stage the manifest of the snapshot step and link its view.

    Returns:
        `blobs`, `size_bytes`, `downloaded_bytes` and `reused_blobs`.

    Raises:
        StepError: kind `DataChanged`, `DataCorrupt`, `StoreUnavailable` or `StoreRefused`.
    """
    manifest = decode_manifest(
        (dirs.inputs / "snapshot" / MANIFEST_NAME).read_bytes(), request["data_digest"]
    )
    cache = Cache(dirs.cache)
    cache.remove_abandoned(time.time())
    access = StoreAccess.of(request, secrets)
    with closing(BlobStore(access, connections=request["parallel"])) as store:
        staged = stage_all(store, access, cache, manifest.blobs, request["parallel"])
    cache.build_view(request["data_digest"], ((item.blob, item.sha256) for item in staged))
    return {
        "blobs": len(staged),
        "size_bytes": manifest.size_bytes,
        "downloaded_bytes": sum(item.blob.size for item in staged if item.downloaded),
        "reused_blobs": sum(not item.downloaded for item in staged),
    }


def stage_all(
    store: BlobStore, access: StoreAccess, cache: Cache, blobs: tuple[ManifestBlob, ...], parallel: int
) -> list[Staged]:
    """Stage blobs over several connections; the first refusal ends it."""

    def stage_one(blob: ManifestBlob) -> Staged:
        pin = pin_of(access.endpoint, access.container, blob)
        known = cache.find(pin, blob.size)
        if known is not None:
            return Staged(blob, known, downloaded=False)
        return Staged(blob, download(store, cache, pin, blob), downloaded=True)

    pool = ThreadPoolExecutor(max_workers=parallel, thread_name_prefix="stage")
    try:
        return list(with_progress(pool.map(stage_one, blobs), len(blobs), time.monotonic))
    finally:
        pool.shutdown(cancel_futures=True)


def download(store: BlobStore, cache: Cache, pin: str, blob: ManifestBlob) -> str:
    """Download one pinned blob into the cache.

    Returns:
        The SHA-256 of its content.

    Raises:
        StepError: kind `DataCorrupt`, when size or MD5 differ from the manifest's; others as
        `BlobStore.read_blob`.
    """
    partial = cache.new_partial()
    try:
        sha256 = store.read_blob(blob.name, blob.etag, lambda chunks: write_verified(partial, chunks, blob))
        cache.add(pin, partial, sha256)
        return sha256
    finally:
        partial.unlink(missing_ok=True)


def write_verified(path: Path, chunks: Iterator[bytes], blob: ManifestBlob) -> str:
    """Write chunks to a file while hashing them, and compare with the manifest.

    Returns:
        The SHA-256 of what was written.

    Raises:
        StepError: kind `DataCorrupt`.
    """
    sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    with path.open("wb") as file:
        for chunk in chunks:
            sha256.update(chunk)
            md5.update(chunk)
            size += file.write(chunk)
    if size != blob.size:
        raise _corrupt(blob, f"has {size} bytes, expected {blob.size}")
    found = b64encode(md5.digest()).decode()
    if blob.md5 is not None and found != blob.md5:
        raise _corrupt(blob, f"has MD5 {found}, expected {blob.md5}")
    return sha256.hexdigest()


def with_progress(staged: Iterator[Staged], total: int, now_s: Callable[[], float]) -> Iterator[Staged]:
    """Pass results on and print a line now and then."""
    printed_s = started_s = now_s()
    downloaded_bytes = 0
    for count, item in enumerate(staged, start=1):
        downloaded_bytes += item.blob.size if item.downloaded else 0
        elapsed_s = now_s() - started_s
        if count == total or now_s() - printed_s >= PROGRESS_INTERVAL_S:
            printed_s = now_s()
            rate = downloaded_bytes / 1e6 / max(elapsed_s, 1e-3)
            print(
                f"{count}/{total} blobs, {downloaded_bytes / 1e6:.1f} MB downloaded, {rate:.1f} MB/s",
                flush=True,
            )
        yield item


def _corrupt(blob: ManifestBlob, finding: str) -> StepError:
    return StepError(
        "DataCorrupt",
        f"The blob {blob.name!r} {finding}; deliver it again with its checksum and clear the run from "
        "snapshot_data.",
    )
