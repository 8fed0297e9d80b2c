"""Pins the partition: lists its blobs and writes the manifest whose SHA-256 is the data digest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

from edge_runner.blobs.access import StoreAccess
from edge_runner.blobs.store import BlobStore
from edge_runner.manifest import MANIFEST_NAME, ManifestBlob, digest_of_manifest, make_manifest
from edge_runner.protocol import Dirs, StepError, write_atomically


def run(request: Mapping[str, Any], secrets: Mapping[str, str], dirs: Dirs) -> dict[str, Any]:
    """List every part and write `manifest.json` into the job's directory.

    Returns:
        `data_digest`, `blobs`, `size_bytes`, and `partitions` (number of blobs of each).

    Raises:
        StepError: kind `PartitionEmpty`, `BadRequest` (parts that overlap), `DataRejected` (a name that
            cannot be a file), `DataChanged` (a blob changed while it was listed), `StoreUnavailable` or
            `StoreRefused`.
    """
    container = request["container"]
    with closing(BlobStore(StoreAccess.of(request, secrets))) as store:
        manifest = make_manifest(container, collect(store, container, request["parts"]).values())
    content = manifest.encode()
    write_atomically(dirs.job / MANIFEST_NAME, content)
    partitions: dict[str, int] = {}
    for blob in manifest.blobs:
        partitions[blob.partition] = partitions.get(blob.partition, 0) + 1
    print(
        f"{len(manifest.blobs)} blobs, {manifest.size_bytes} bytes, {len(partitions)} partitions", flush=True
    )
    return {
        "data_digest": digest_of_manifest(content),
        "blobs": len(manifest.blobs),
        "size_bytes": manifest.size_bytes,
        "partitions": partitions,
    }


def collect(store: BlobStore, container: str, parts: list[dict[str, str]]) -> dict[str, ManifestBlob]:
    """List all parts; each blob once.

    Args:
        store: The container's client.
        container: Its name.
        parts: Each with `partition`, `prefix` and `split`.

    Returns:
        The blobs by name.

    Raises:
        StepError: As `run`.
    """
    blobs: dict[str, ManifestBlob] = {}
    for part in parts:
        found = False
        for blob in list_part(store, part):
            found = True
            known = blobs.setdefault(blob.name, blob)
            if known != blob:
                raise _listed_twice(known, blob)
        if not found:
            raise StepError(
                "PartitionEmpty",
                f"Partition {part['partition']} has no blobs under {part['prefix']} in container "
                f"{container}; deliver the data, or choose a partition and a window that have data.",
            )
    return blobs


def list_part(store: BlobStore, part: Mapping[str, str]) -> Iterator[ManifestBlob]:
    """List the blobs of one part."""
    for page in store.list_pages(part["prefix"]):
        for blob in page.blobs:
            yield ManifestBlob(blob.name, blob.size, blob.etag, blob.md5, part["partition"], part["split"])


def _listed_twice(first: ManifestBlob, second: ManifestBlob) -> StepError:
    if (first.partition, first.split) != (second.partition, second.split):
        return StepError(
            "BadRequest",
            f"The blob {first.name!r} belongs to {first.partition} ({first.split}) and to {second.partition} "
            f"({second.split}); make the prefixes of the partitions disjoint.",
        )
    return StepError(
        "DataChanged",
        f"The blob {first.name!r} changed while it was listed; clear the run from wait_for_partition.",
    )
