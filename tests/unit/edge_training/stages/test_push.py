"""push_image: the tag comes last, then the version learns its image."""

from __future__ import annotations

import pytest
from tests.bundles import stored
from tests.fakes.image_registry import InMemoryImageRegistry
from tests.fakes.model_registry import InMemoryModelRegistry

from edge_training.errors import ImageMissing
from edge_training.image_layer import OCI_MANIFEST, digest_and_size
from edge_training.ports.image_registry import Manifest
from edge_training.ports.model_registry import Registration
from edge_training.stages.push import push

MANIFEST = Manifest(b"{}", OCI_MANIFEST, digest_and_size([b"{}"])[0])


@pytest.fixture
def images() -> InMemoryImageRegistry:
    return InMemoryImageRegistry()


@pytest.fixture
def models() -> InMemoryModelRegistry:
    return InMemoryModelRegistry()


@pytest.fixture
def version(models, tmp_path):
    return models.register(Registration("flight_delay", "k" * 64, stored(tmp_path)))


def test_the_image_gets_a_tag_of_partition_and_version(images, models, version):
    images.put_manifest("edge/flight_delay", MANIFEST)
    image = f"{images.host}/edge/flight_delay@{MANIFEST.digest}"

    value = push(images, models, image, version, "2013-02-01")

    assert value == {"image": image, "tag": "2013-02-01-v1", "model_version": "1"}
    assert images.tags == {("edge/flight_delay", "2013-02-01-v1"): MANIFEST.digest}
    tags = models.get("flight_delay", "1").tags
    assert (tags["image"], tags["image_digest"]) == (image, MANIFEST.digest)
    assert tags["image_tag"] == value["tag"]


def test_a_version_does_not_name_an_image_that_could_not_be_tagged(images, models, version):
    with pytest.raises(ImageMissing):
        push(images, models, f"{images.host}/edge/gone@{MANIFEST.digest}", version, "2013-02-01")

    assert "image_digest" not in models.get("flight_delay", "1").tags
