"""The port to a container registry: blobs and manifests by digest, and tags as the last word.

Named after the calls of the OCI distribution specification. Calls are synchronous and safe to repeat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Manifest:
    """A manifest or an index, byte for byte as the registry has it."""

    content: bytes
    media_type: str
    digest: str


@dataclass(frozen=True)
class Blob:
    """Bytes to be stored; `open` starts reading them from the beginning, as often as needed."""

    digest: str
    size_bytes: int
    open: Callable[[], Iterator[bytes]]


class ImageRegistry(Protocol):
    """A container registry and the user we are there.

    Every call may raise `RegistryUnavailable` (try again) or `RegistryRefused` (do not).
    """

    @property
    def host(self) -> str:
        """Host name and port, as image references begin."""

    def resolve(self, reference: str) -> str:
        """The same image by digest: `host/repository@sha256:...`.

        Raises:
            ImageMissing: There is no such image.
        """

    def get_manifest(self, repository: str, reference: str) -> Manifest:
        """A manifest by tag or digest; what was asked for by digest is verified.

        Raises:
            ImageMissing: There is no such manifest.
        """

    def has_manifest(self, repository: str, digest: str) -> bool:
        """Whether the repository has this manifest."""

    def put_manifest(self, repository: str, manifest: Manifest) -> None:
        """Store a manifest under its digest, without a tag; its blobs must be there."""

    def get_blob(self, repository: str, digest: str) -> bytes:
        """A small blob, such as an image's configuration, verified by its digest."""

    def put_blob(self, repository: str, blob: Blob) -> None:
        """Store a blob unless the repository has it."""

    def copy_blob(self, source: str, repository: str, digest: str, size_bytes: int) -> None:
        """Make a blob of one repository one of another, without sending its bytes if the registry can."""

    def tag(self, image: str, tag: str) -> None:
        """Let a tag of the image's repository point to `host/repository@sha256:...`."""
