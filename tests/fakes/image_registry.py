"""A container registry in memory; obeys tests/contract/test_image_registry.py like the real one."""

from __future__ import annotations

from edge_training.errors import ImageMissing, RegistryRefused
from edge_training.image_layer import digest_and_size
from edge_training.image_reference import ImageReference
from edge_training.ports.image_registry import Blob, Manifest


class InMemoryImageRegistry:
    """Implements `ImageRegistry`; tags and the number of bytes sent can be looked at."""

    def __init__(self, host: str = "registry.test:5000") -> None:
        self.host = host
        self.tags: dict[tuple[str, str], str] = {}
        self.sent_bytes = 0
        self._blobs: dict[tuple[str, str], bytes] = {}
        self._manifests: dict[tuple[str, str], Manifest] = {}

    def resolve(self, reference: str) -> str:
        """See `ImageRegistry.resolve`."""
        image = ImageReference.parse(reference)
        return image.at(self.get_manifest(image.repository, image.version).digest)

    def get_manifest(self, repository: str, reference: str) -> Manifest:
        """See `ImageRegistry.get_manifest`."""
        digest = self.tags.get((repository, reference), reference)
        if not self.has_manifest(repository, digest):
            raise ImageMissing(f"{self.host} has no image {repository}:{reference}.")
        return self._manifests[repository, digest]

    def has_manifest(self, repository: str, digest: str) -> bool:
        """See `ImageRegistry.has_manifest`."""
        return (repository, digest) in self._manifests

    def put_manifest(self, repository: str, manifest: Manifest) -> None:
        """See `ImageRegistry.put_manifest`."""
        self._manifests[repository, manifest.digest] = manifest

    def get_blob(self, repository: str, digest: str) -> bytes:
        """See `ImageRegistry.get_blob`."""
        if (repository, digest) not in self._blobs:
            raise ImageMissing(f"{self.host}/{repository} has no blob {digest}.")
        return self._blobs[repository, digest]

    def put_blob(self, repository: str, blob: Blob) -> None:
        """See `ImageRegistry.put_blob`."""
        if (repository, blob.digest) in self._blobs:
            return
        content = b"".join(blob.open())
        if digest_and_size([content])[0] != blob.digest:
            raise RegistryRefused(f"The bytes of {blob.digest} have another digest.")
        self.sent_bytes += len(content)
        self._blobs[repository, blob.digest] = content

    def copy_blob(self, source: str, repository: str, digest: str, size_bytes: int) -> None:
        """See `ImageRegistry.copy_blob`."""
        self._blobs[repository, digest] = self.get_blob(source, digest)

    def tag(self, image: str, tag: str) -> None:
        """See `ImageRegistry.tag`."""
        own = ImageReference.parse(image)
        self.tags[own.repository, tag] = self.get_manifest(own.repository, own.version).digest
