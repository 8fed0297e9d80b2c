"""build_image: append, or find."""

from __future__ import annotations

import json

import pytest
from tests.bundles import FILES, stored
from tests.fakes.image_registry import InMemoryImageRegistry

from edge_runner.protocol import canonical_json
from edge_training.errors import BadRequest
from edge_training.image_layer import DOCKER_LIST, OCI_INDEX, OCI_MANIFEST, bytes_blob, digest_and_size
from edge_training.image_reference import ImageReference
from edge_training.ports.image_registry import Manifest
from edge_training.stages.build import build

RUNTIME = "edge/serving"
BASE_LAYER = bytes_blob(b"the runtime's files")


@pytest.fixture
def images() -> InMemoryImageRegistry:
    return InMemoryImageRegistry()


@pytest.fixture
def runtime(images) -> str:
    """A serving runtime of one layer."""
    config = bytes_blob(
        canonical_json({"architecture": "amd64", "os": "linux", "rootfs": {"diff_ids": [BASE_LAYER.digest]}})
    )
    for blob in (BASE_LAYER, config):
        images.put_blob(RUNTIME, blob)
    manifest = as_manifest(
        {
            "schemaVersion": 2,
            "config": {"mediaType": "c", "digest": config.digest, "size": config.size_bytes},
            "layers": [{"mediaType": "l", "digest": BASE_LAYER.digest, "size": BASE_LAYER.size_bytes}],
        },
        OCI_MANIFEST,
    )
    images.put_manifest(RUNTIME, manifest)
    return f"{images.host}/{RUNTIME}@{manifest.digest}"


def as_manifest(value, media_type) -> Manifest:
    content = canonical_json(value)
    return Manifest(content, media_type, digest_and_size([content])[0])


def build_image(images, bundle, runtime):
    return build(images, bundle, runtime, "edge/flight_delay", "flight_delay")


def test_the_image_is_known_by_digest_and_has_no_tag(images, runtime, tmp_path):
    value = build_image(images, stored(tmp_path), runtime)

    image = ImageReference.parse(value["image"])
    assert image.digest is not None
    assert images.has_manifest("edge/flight_delay", image.digest)
    assert images.tags == {}


def test_every_blob_of_the_image_is_in_its_repository(images, runtime, tmp_path):
    image = ImageReference.parse(build_image(images, stored(tmp_path), runtime)["image"])

    manifest = json.loads(images.get_manifest(image.repository, image.version).content)
    for part in [manifest["config"], *manifest["layers"]]:
        assert len(images.get_blob(image.repository, part["digest"])) == part["size"]
    config = json.loads(images.get_blob(image.repository, manifest["config"]["digest"]))
    assert config["config"]["Labels"]["edge-training.bundle_digest"] == stored(tmp_path / "again").stem


def test_the_same_bundle_gives_the_same_digest_without_sending_it_again(images, runtime, tmp_path):
    first = build_image(images, stored(tmp_path / "one"), runtime)
    sent_bytes = images.sent_bytes

    second = build_image(images, stored(tmp_path / "two"), runtime)

    assert second == {**first, "built": False}
    assert images.sent_bytes == sent_bytes


def test_another_model_gives_another_digest(images, runtime, tmp_path):
    first = build_image(images, stored(tmp_path / "one"), runtime)
    other = stored(tmp_path / "two", {**FILES, "model/model.pkl": b"other"})

    assert build_image(images, other, runtime)["image"] != first["image"]


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST])
def test_a_runtime_for_several_platforms_gives_its_own(images, runtime, tmp_path, media_type):
    single = build_image(images, stored(tmp_path / "one"), runtime)
    entry = {"digest": runtime.partition("@")[2], "platform": {"os": "linux", "architecture": "amd64"}}
    index = as_manifest({"schemaVersion": 2, "manifests": [entry]}, media_type)
    images.put_manifest(RUNTIME, index)

    value = build_image(images, stored(tmp_path / "two"), f"{images.host}/{RUNTIME}@{index.digest}")

    assert value["image"] == single["image"]


def test_a_runtime_without_digest_is_refused(images, tmp_path):
    with pytest.raises(BadRequest, match="has no digest"):
        build_image(images, stored(tmp_path), f"{images.host}/{RUNTIME}:latest")
