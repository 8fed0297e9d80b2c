"""push_image: tag the verified image, then write its digest to the model version."""

from __future__ import annotations

from typing import Any

from edge_training.identity import image_digest
from edge_training.image_reference import legal_tag
from edge_training.ports.image_registry import ImageRegistry
from edge_training.ports.model_registry import ModelRegistry, ModelVersion

IMAGE_TAG = "image"
IMAGE_DIGEST_TAG = "image_digest"
IMAGE_TAG_TAG = "image_tag"
"""The tag that the image has in its registry."""


def push(
    images: ImageRegistry, registry: ModelRegistry, image: str, version: ModelVersion, partition: str
) -> dict[str, Any]:
    """Give the image its tag and the version its image.

    Args:
        images: The registry that holds the image.
        registry: The registry that holds the version.
        image: `host/repository@sha256:...`, verified on the site.
        version: The model version the image serves.
        partition: The partition the model was trained for.

    Returns:
        `{"image", "tag", "model_version"}`.
    """
    tag = legal_tag(f"{partition}-v{version.version}")
    images.tag(image, tag)
    registry.set_tags(version, {IMAGE_TAG: image, IMAGE_DIGEST_TAG: image_digest(image), IMAGE_TAG_TAG: tag})
    return {"image": image, "tag": tag, "model_version": version.version}
