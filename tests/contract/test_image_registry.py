"""What every `ImageRegistry` does."""

from __future__ import annotations

import pytest

from edge_runner.protocol import canonical_json
from edge_training.errors import BadRequest, ImageMissing, RegistryRefused
from edge_training.image_layer import OCI_MANIFEST, bytes_blob, digest_and_size
from edge_training.ports.image_registry import Blob, Manifest

CONFIG = bytes_blob(canonical_json({"architecture": "amd64", "os": "linux", "rootfs": {"diff_ids": []}}))
LAYER = bytes_blob(bytes(3_000_000))


@pytest.fixture
def manifest() -> Manifest:
    """An image of one layer."""
    content = canonical_json(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": CONFIG.digest,
                "size": CONFIG.size_bytes,
            },
            "layers": [
                {
                    "mediaType": "application/vnd.oci.image.layer.v1.tar",
                    "digest": LAYER.digest,
                    "size": LAYER.size_bytes,
                }
            ],
        }
    )
    return Manifest(content, OCI_MANIFEST, digest_and_size([content])[0])


@pytest.fixture
def image(images, manifest, name) -> str:
    """An image in a repository of its own, known by digest only."""
    for blob in (CONFIG, LAYER):
        images.put_blob(name, blob)
    images.put_manifest(name, manifest)
    return f"{images.host}/{name}@{manifest.digest}"


def test_an_image_is_found_by_digest_before_it_has_any_tag(images, image, manifest, name):
    assert images.has_manifest(name, manifest.digest)
    assert images.get_manifest(name, manifest.digest) == manifest
    assert images.get_blob(name, CONFIG.digest) == b"".join(CONFIG.open())
    with pytest.raises(ImageMissing):
        images.resolve(f"{images.host}/{name}:latest")


def test_a_tag_leads_to_the_digest_and_moves(images, image, name, manifest):
    images.tag(image, "2013-02-01-v1")
    images.tag(image, "2013-02-01-v1")

    assert images.resolve(f"{images.host}/{name}:2013-02-01-v1") == image
    assert images.get_manifest(name, "2013-02-01-v1") == manifest


def test_a_blob_is_not_read_again_when_the_repository_has_it(images, image, name):
    def never():
        raise AssertionError("nobody should read this")

    images.put_blob(name, Blob(LAYER.digest, LAYER.size_bytes, never))


def test_a_blob_is_copied_between_repositories(images, image, name):
    images.copy_blob(name, f"{name}-copy", CONFIG.digest, CONFIG.size_bytes)

    assert images.get_blob(f"{name}-copy", CONFIG.digest) == b"".join(CONFIG.open())


def test_bytes_of_another_digest_are_refused(images, name):
    wrong = Blob("sha256:" + "0" * 64, 3, lambda: iter([b"abc"]))

    with pytest.raises(RegistryRefused):
        images.put_blob(name, wrong)


def test_what_is_not_there_is_missing(images, name):
    assert not images.has_manifest(name, "sha256:" + "0" * 64)
    with pytest.raises(ImageMissing):
        images.get_blob(name, "sha256:" + "0" * 64)


def test_a_reference_must_be_one(images):
    with pytest.raises(BadRequest):
        images.resolve("Not A Reference")
