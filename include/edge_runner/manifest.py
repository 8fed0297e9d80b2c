"""The manifest: the immutable list of a partition's blobs, and what their names may be.

`data_digest` is the SHA-256 of the manifest's bytes, so one list has one spelling: canonical JSON, blobs
sorted by name, ETags without quotes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from edge_runner.protocol import StepError, canonical_json

MANIFEST_NAME = "manifest.json"
MANIFEST_VERSION = 1
SPLITS = ("train", "holdout")
MAX_SEGMENT_BYTES = 255


@dataclass(frozen=True, slots=True)
class ManifestBlob:
    """One pinned blob.

    Attributes:
        name: Blob name within the container.
        size: Length in bytes.
        etag: Entity tag without quotes.
        md5: Base64 Content-MD5, or None when the blob was written without one.
        partition: Key of the partition it belongs to.
        split: `train` or `holdout`.
    """

    name: str
    size: int
    etag: str
    md5: str | None
    partition: str
    split: str


@dataclass(frozen=True)
class Manifest:
    """The pinned blobs of one container, sorted by name."""

    container: str
    blobs: tuple[ManifestBlob, ...]

    @property
    def size_bytes(self) -> int:
        """Sum of the blobs' sizes."""
        return sum(blob.size for blob in self.blobs)

    def encode(self) -> bytes:
        """The manifest's only spelling."""
        blobs = [asdict(blob) for blob in self.blobs]
        return canonical_json({"version": MANIFEST_VERSION, "container": self.container, "blobs": blobs})


def make_manifest(container: str, blobs: Iterable[ManifestBlob]) -> Manifest:
    """Sort the blobs and check that each can become a file.

    Raises:
        StepError: kind `DataRejected`, when a name cannot be a file inside a directory of the site.
    """
    ordered = tuple(sorted(blobs, key=lambda blob: blob.name))
    require_safe_names(blob.name for blob in ordered)
    return Manifest(container, ordered)


def digest_of_manifest(content: bytes) -> str:
    """The data digest of an encoded manifest."""
    return hashlib.sha256(content).hexdigest()


def decode_manifest(content: bytes, data_digest: str) -> Manifest:
    """Read a manifest that must have the given digest.

    Raises:
        StepError: kind `DataChanged`, when the bytes do not have the digest; `ProtocolMismatch`, when the
            manifest is of another version; `DataRejected`, when a name cannot be a file.
    """
    found = digest_of_manifest(content)
    if found != data_digest:
        raise StepError(
            "DataChanged",
            f"The manifest on the site has digest {found[:12]}, expected {data_digest[:12]}; "
            "clear the run from snapshot_data.",
        )
    document: dict[str, Any] = json.loads(content)
    if document["version"] != MANIFEST_VERSION:
        raise StepError(
            "ProtocolMismatch",
            f"The manifest has version {document['version']}, expected {MANIFEST_VERSION}; "
            "clear the run from snapshot_data.",
        )
    return make_manifest(document["container"], (ManifestBlob(**blob) for blob in document["blobs"]))


def require_safe_names(names: Iterable[str]) -> None:
    """Refuse blob names that cannot be files below one directory, alone or together.

    Args:
        names: Blob names.

    Raises:
        StepError: kind `DataRejected`, naming the blob.
    """
    files: set[str] = set()
    directories: set[str] = set()
    for name in names:
        segments = name.split("/")
        if "\0" in name or any(_is_unsafe(segment) for segment in segments):
            raise StepError(
                "DataRejected",
                f"The blob name {name!r} cannot be a file on the site: a part between slashes is empty, '.', "
                "'..' or "
                f"longer than {MAX_SEGMENT_BYTES} bytes; rename the blob or leave it out of the prefix.",
            )
        files.add(name)
        directories.update("/".join(segments[:end]) for end in range(1, len(segments)))
    for name in sorted(files & directories):
        raise StepError(
            "DataRejected",
            f"The blob {name!r} is also the folder of other blobs and cannot be a file on the site; "
            "rename it or leave it out of the prefix.",
        )


def _is_unsafe(segment: str) -> bool:
    return segment in ("", ".", "..") or len(segment.encode()) > MAX_SEGMENT_BYTES
