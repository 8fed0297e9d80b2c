"""The manifest: the immutable list of a partition's blobs, and what their names may be.

`data_digest` is the SHA-256 of the manifest's bytes, so one list has one spelling: canonical JSON, blobs
sorted by name, ETags without quotes. It is written and read a piece at a time: one of 100,000 blobs has
20 MB, and several times that as objects.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from json.encoder import encode_basestring as quoted
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO, NamedTuple

from edge_runner.protocol import StepError, canonical_json, write_atomically

MANIFEST_NAME = "manifest.json"
MANIFEST_VERSION = 1
SPLITS = ("train", "holdout")
MAX_SEGMENT_BYTES = 255
BATCH_BLOBS = 1000
CHUNK_BYTES = 256 * 1024

_OPENING = b'{"blobs":['
_BETWEEN_BLOBS = b'},{"etag":'
"""Nowhere else: inside of a string, a quotation mark has a backslash before it, and no letter follows the one
that ends it.
"""
_VERSION_AT_END = re.compile(rb'"version":(\d+)}$')
_ENDING_BYTES = 64


class ManifestBlob(NamedTuple):
    """One pinned blob; a tuple, because there are many.

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
        return sum(map(attrgetter("size"), self.blobs))

    def pieces(self) -> Iterator[bytes]:
        """The manifest's only spelling: `{"blobs":[...],"container":"...","version":1}`."""
        yield _OPENING
        for first in range(0, len(self.blobs), BATCH_BLOBS):
            batch = _spelled(self.blobs[first : first + BATCH_BLOBS])
            yield f",{batch}".encode() if first else batch.encode()
        rest = canonical_json({"container": self.container, "version": MANIFEST_VERSION})
        yield b"]," + rest.removeprefix(b"{")

    def write(self, path: Path) -> str:
        """Write it to a file, atomically.

        Returns:
            Its data digest: the SHA-256 of the file, in hex.
        """
        digest = hashlib.sha256()

        def hashed() -> Iterator[bytes]:
            for piece in self.pieces():
                digest.update(piece)
                yield piece

        write_atomically(path, hashed())
        return digest.hexdigest()


def _spelled(blobs: Iterable[ManifestBlob]) -> str:
    """What `canonical_json` makes of blobs with their fields' names, in a third of the time."""
    return ",".join(
        [
            f'{{"etag":{quoted(etag)},"md5":{"null" if md5 is None else quoted(md5)},"name":{quoted(name)},'
            f'"partition":{quoted(partition)},"size":{size},"split":{quoted(split)}}}'
            for name, size, etag, md5, partition, split in blobs
        ]
    )


def make_manifest(container: str, blobs: Iterable[ManifestBlob]) -> Manifest:
    """Sort the blobs and check that each can become a file.

    Raises:
        StepError: kind `DataRejected`, when a name cannot be a file inside a directory of the site.
    """
    return Manifest(container, tuple(checked(sorted(blobs, key=attrgetter("name")))))


def read_manifest(path: Path, data_digest: str) -> Iterator[ManifestBlob]:
    """Read the blobs of a manifest that must have the given digest, in bounded memory.

    Raises:
        StepError: kind `DataChanged`, before the first blob, when the file does not have the digest;
            `ProtocolMismatch`, when the manifest is of another version; `DataRejected`, when a name cannot be
            a file.
    """
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != data_digest:
            raise StepError(
                "DataChanged",
                f"The manifest on the site has digest {found[:12]}, expected {data_digest[:12]}; "
                "clear the run from snapshot_data.",
            )
        file.seek(max(0, path.stat().st_size - _ENDING_BYTES))
        version = _VERSION_AT_END.search(file.read())
        if version is None or int(version[1]) != MANIFEST_VERSION:
            raise StepError(
                "ProtocolMismatch",
                f"The manifest has version {version[1].decode() if version else 'none'}, expected "
                f"{MANIFEST_VERSION}; clear the run from snapshot_data.",
            )
        file.seek(0)
        yield from checked(_blobs(file))


def _blobs(file: BinaryIO) -> Iterator[ManifestBlob]:
    file.seek(len(_OPENING))
    rest = b""
    while chunk := file.read(CHUNK_BYTES):
        complete, between, rest = (rest + chunk).rpartition(_BETWEEN_BLOBS)
        if between:
            yield from (ManifestBlob(**blob) for blob in json.loads(b"[%b}]" % complete))
            rest = b'{"etag":' + rest
    yield from (ManifestBlob(**blob) for blob in json.loads(_OPENING + rest)["blobs"])


def checked(blobs: Iterable[ManifestBlob]) -> Iterator[ManifestBlob]:
    """Pass on blobs sorted by name, each once, that can be files below one directory, alone and together.

    Raises:
        StepError: kind `DataRejected`, naming the blob that cannot.
    """
    folder_before: str | None = None
    open_names: list[
        str
    ] = []  # those that the present name begins with: what a folder holds follows its name
    for blob in blobs:
        name = blob.name
        folder, slash, file = name.rpartition("/")
        while open_names and not name.startswith(open_names[-1]):
            open_names.pop()
        if slash and folder != folder_before:
            if not all(map(_is_safe, folder.split("/"))):
                raise _unsafe(name)
            for known in open_names:
                if name.startswith("/", len(known)):
                    raise _file_and_folder(known)
            folder_before = folder
        if not _is_safe(file):
            raise _unsafe(name)
        open_names.append(name)
        yield blob


def _is_safe(segment: str) -> bool:
    return (
        segment not in ("", ".", "..") and "\0" not in segment and len(segment.encode()) <= MAX_SEGMENT_BYTES
    )


def _unsafe(name: str) -> StepError:
    return StepError(
        "DataRejected",
        f"The blob name {name!r} cannot be a file on the site: a part between slashes is empty, '.', '..' or "
        f"longer than {MAX_SEGMENT_BYTES} bytes, or has a zero byte; rename the blob or exclude it.",
    )


def _file_and_folder(name: str) -> StepError:
    return StepError(
        "DataRejected",
        f"The blob {name!r} is also the folder of other blobs and cannot be a file on the site; rename it or "
        "exclude it.",
    )
