"""Pins the partition: lists its blobs and writes the manifest whose SHA-256 is the data digest.

Nothing is read but the listing: a blob without Content-MD5 is pinned by its ETag, and stage_data keeps the
checksum that it computes at the first read.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import pairwise
from operator import attrgetter
from typing import Any

from edge_runner.blobs.access import StoreAccess
from edge_runner.blobs.store import BlobStore
from edge_runner.manifest import MANIFEST_NAME, ManifestBlob, make_manifest
from edge_runner.protocol import Dirs, StepError
from edge_runner.selection import Selection


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Do not look for cycles while blobs pile up: there are none, and each look would go through all of them,
    for half of the time of the whole listing (measured).
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@without_garbage_collection()
def run(request: Mapping[str, Any], secrets: Mapping[str, str], dirs: Dirs) -> dict[str, Any]:
    """List every part and write `manifest.json` into the job's directory.

    Returns:
        `data_digest`, `blobs`, `size_bytes`, and `partitions` (number of blobs of each).

    Raises:
        StepError: kind `PartitionEmpty`, `BadRequest` (parts that overlap), `DataRejected` (a name that
            cannot be a file), `DataChanged` (a blob changed while it was listed), `StoreUnavailable` or
            `StoreRefused`.
    """
    container, selection = request["container"], Selection.of(request)
    with closing(BlobStore(StoreAccess.of(request, secrets, dirs))) as store:
        manifest = make_manifest(container, collect(store, container, request["parts"], selection))
    data_digest = manifest.write(dirs.job / MANIFEST_NAME)
    blobs, size_bytes = len(manifest.blobs), manifest.size_bytes
    partitions = Counter(map(attrgetter("partition"), manifest.blobs))
    print(f"{blobs} blobs, {size_bytes} bytes, {len(partitions)} partitions", flush=True)
    return {
        "data_digest": data_digest,
        "blobs": blobs,
        "size_bytes": size_bytes,
        "partitions": dict(partitions),
    }


def collect(
    store: BlobStore, container: str, parts: Iterable[Mapping[str, str]], selection: Selection
) -> list[ManifestBlob]:
    """List all parts; each blob once, sorted by name.

    Args:
        store: The container's client.
        container: Its name.
        parts: Each with `partition`, `prefix` and `split`.
        selection: Which blobs are data.

    Raises:
        StepError: As `run`.
    """
    blobs: list[ManifestBlob] = []
    for part in parts:
        blobs += list_part(store, container, part, selection)
    return list(each_once(sorted(blobs, key=attrgetter("name"))))


def list_part(
    store: BlobStore, container: str, part: Mapping[str, str], selection: Selection
) -> list[ManifestBlob]:
    """List the data of one part; blobs that only stand for folders are counted in the log.

    Raises:
        StepError: As `run`.
    """
    partition, prefix, split = part["partition"], part["prefix"], part["split"]
    found: list[ManifestBlob] = []
    listed = folders = 0
    for page in store.list_pages(prefix):
        data = selection.data(page.blobs, prefix)
        listed += len(page.blobs)
        folders += len(page.blobs) - len(data) and sum(blob.is_folder for blob in page.blobs)
        found += [ManifestBlob(name, size, etag, md5, partition, split) for name, size, etag, md5, *_ in data]
    if folders:
        print(f"{folders} blobs under {prefix} only stand for folders and are left out", flush=True)
    if not found:
        raise _empty(f"Partition {partition} has no blobs under {prefix} in container {container}", listed)
    return found


def each_once(blobs: list[ManifestBlob]) -> Iterator[ManifestBlob]:
    """Pass on sorted blobs without repetitions: one that comes on two pages, or in two parts, is one blob.

    Raises:
        StepError: kind `DataChanged` or `BadRequest`, when two entries of one name differ.
    """
    for first, second in pairwise(blobs):
        if first.name != second.name:
            yield first
        elif first != second:
            raise _listed_twice(first, second)
    yield from blobs[-1:]


def _empty(finding: str, listed: int) -> StepError:
    if listed:
        return StepError(
            "PartitionEmpty",
            f"{finding} that are data: {listed} are there, and the project includes none of them; correct "
            "`include` and `exclude` in the DAG file.",
        )
    return StepError(
        "PartitionEmpty",
        f"{finding}; deliver the data, or choose a partition and a window that have data.",
    )


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
