"""The layer, the configuration and the manifest of a serving image."""

from __future__ import annotations

import io
import json
import tarfile

import pytest
from tests.bundles import FILES, stored

from edge_training import image_layer
from edge_training.errors import ImageMissing
from edge_training.image_layer import DOCKER_MANIFEST, OCI_MANIFEST

BASE_CONFIG = {
    "architecture": "amd64",
    "os": "linux",
    "created": "2024-01-01T00:00:00Z",
    "config": {"Cmd": ["serve"], "Labels": {"org.opencontainers.image.title": "runtime", "kept": "yes"}},
    "rootfs": {"type": "layers", "diff_ids": ["sha256:base"]},
    "history": [{"created_by": "base"}],
}
BASE_MANIFEST = {
    "schemaVersion": 2,
    "config": {"mediaType": "config", "digest": "sha256:old", "size": 1},
    "layers": [{"mediaType": "layer", "digest": "sha256:base", "size": 2}],
}
LABELS = image_layer.labels_of("flight_delay", "b" * 64)


@pytest.fixture
def layer(tmp_path):
    return image_layer.model_layer(stored(tmp_path))


def test_the_layer_is_the_model_directory_and_nothing_else(layer):
    with tarfile.open(fileobj=io.BytesIO(b"".join(layer.open()))) as archive:
        members = {member.name: member for member in archive}
        weights = archive.extractfile("opt/model/model.pkl")
        assert weights is not None
        assert weights.read() == FILES["model/model.pkl"]

    assert list(members) == ["opt", "opt/model", "opt/model/MLmodel", "opt/model/model.pkl"]
    assert {name for name, member in members.items() if member.isdir()} == {"opt", "opt/model"}


def test_every_file_in_the_layer_is_roots_readable_by_all_and_without_a_time(layer):
    with tarfile.open(fileobj=io.BytesIO(b"".join(layer.open()))) as archive:
        members = archive.getmembers()

    assert {(member.uid, member.gid, member.mtime) for member in members} == {(0, 0, 0)}
    assert {member.mode for member in members} == {0o644, 0o755}


def test_the_same_files_give_the_same_layer_in_any_store(tmp_path):
    layers = [image_layer.model_layer(stored(tmp_path / name)) for name in ("one", "two")]

    assert layers[0].digest == layers[1].digest
    assert b"".join(layers[0].open()) == b"".join(layers[1].open())


def test_digest_and_size_are_those_of_the_bytes(layer):
    content = b"".join(layer.open())

    assert image_layer.digest_and_size([content]) == (layer.digest, layer.size_bytes)


def test_the_configuration_is_the_bases_with_layer_and_labels(layer):
    config = json.loads(image_layer.extend_config(BASE_CONFIG, layer, LABELS))

    assert config["rootfs"]["diff_ids"] == ["sha256:base", layer.digest]
    assert config["config"]["Cmd"] == ["serve"]
    assert config["config"]["Labels"] == {"kept": "yes", **LABELS}
    assert config["created"] == BASE_CONFIG["created"]
    assert len(config["history"]) == 2
    assert "created" not in config["history"][-1]


def test_a_base_without_labels_and_history_gets_them(layer):
    bare = {key: BASE_CONFIG[key] for key in ("architecture", "os", "rootfs")}

    config = json.loads(image_layer.extend_config(bare, layer, LABELS))

    assert config["config"]["Labels"] == LABELS
    assert len(config["history"]) == 1


@pytest.mark.parametrize(
    ("media_type", "layer_type"),
    [
        (OCI_MANIFEST, "application/vnd.oci.image.layer.v1.tar"),
        (DOCKER_MANIFEST, "application/vnd.docker.image.rootfs.diff.tar"),
    ],
)
def test_the_manifest_keeps_the_bases_format(layer, media_type, layer_type):
    config = image_layer.bytes_blob(b"{}")

    manifest = image_layer.extend_manifest(BASE_MANIFEST, media_type, config, layer)

    content = json.loads(manifest.content)
    assert manifest.media_type == content["mediaType"] == media_type
    assert content["config"] == {"mediaType": "config", "digest": config.digest, "size": 2}
    assert content["layers"] == [
        *BASE_MANIFEST["layers"],
        {"mediaType": layer_type, "digest": layer.digest, "size": layer.size_bytes},
    ]
    assert manifest.digest == image_layer.digest_and_size([manifest.content])[0]


def test_the_variant_of_the_platform_is_chosen():
    index = {
        "manifests": [
            {"digest": "sha256:attestation"},
            {"digest": "sha256:arm", "platform": {"os": "linux", "architecture": "arm64"}},
            {"digest": "sha256:amd", "platform": {"os": "linux", "architecture": "amd64"}},
        ]
    }

    assert image_layer.choose_platform(index, "amd64") == "sha256:amd"
    with pytest.raises(ImageMissing, match="linux/s390x"):
        image_layer.choose_platform(index, "s390x")
