"""build_image: append the model to the serving runtime, straight in the registry; nothing is tagged yet."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_training import image_layer
from edge_training.errors import BadRequest
from edge_training.image_reference import ImageReference
from edge_training.ports.image_registry import ImageRegistry, Manifest


def build(
    images: ImageRegistry,
    bundle: Path,
    serving_image: str,
    repository: str,
    model_name: str,
    architecture: str = "amd64",
) -> dict[str, Any]:
    """Make the serving image of a bundle, or find that it is there.

    Args:
        images: The registry that holds the serving runtime and takes the image.
        bundle: The stored bundle, `<bundle digest>.tar`.
        serving_image: The serving runtime, `host/repository@sha256:...`.
        repository: Where the image goes, below the registry's host.
        model_name: For the labels.
        architecture: Which variant of the runtime, when it has several.

    Returns:
        `{"image": "host/repository@sha256:...", "layer_digest", "layer_size_bytes", "built"}`; `built` is
        False when the registry had the image already.

    Raises:
        BadRequest: The runtime is not given by digest.
    """
    runtime = ImageReference.parse(serving_image)
    if runtime.digest is None:
        raise BadRequest(
            f"The serving image {serving_image} has no digest; give host/repository@sha256:digest."
        )
    base = _platform_manifest(images, runtime, architecture)
    base_content = json.loads(base.content)
    layer = image_layer.model_layer(bundle)
    labels = image_layer.labels_of(model_name, bundle.stem)
    base_config = json.loads(images.get_blob(runtime.repository, base_content["config"]["digest"]))
    config = image_layer.bytes_blob(image_layer.extend_config(base_config, layer, labels))
    manifest = image_layer.extend_manifest(base_content, base.media_type, config, layer)
    built = not images.has_manifest(repository, manifest.digest)
    if built:
        _copy_layers(images, runtime.repository, repository, base_content)
        images.put_blob(repository, layer)
        images.put_blob(repository, config)
        images.put_manifest(repository, manifest)
    return {
        "image": f"{images.host}/{repository}@{manifest.digest}",
        "layer_digest": layer.digest,
        "layer_size_bytes": layer.size_bytes,
        "built": built,
    }


def _platform_manifest(images: ImageRegistry, runtime: ImageReference, architecture: str) -> Manifest:
    manifest = images.get_manifest(runtime.repository, runtime.version)
    if manifest.media_type in image_layer.INDEX_TYPES:
        digest = image_layer.choose_platform(json.loads(manifest.content), architecture)
        manifest = images.get_manifest(runtime.repository, digest)
    return manifest


def _copy_layers(images: ImageRegistry, source: str, repository: str, base: Mapping[str, Any]) -> None:
    for layer in base["layers"]:
        images.copy_blob(source, repository, layer["digest"], layer["size"])
