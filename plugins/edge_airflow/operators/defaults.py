"""Names that the operators share as defaults: connections, images, and the workers' store of bundles."""

from __future__ import annotations

DEFAULT_SITE = "edge_site"
DEFAULT_REGISTRY = "edge_registry"
DEFAULT_MODEL_REGISTRY = "edge_mlflow"
TRAINING_IMAGE = "{{ var.value.get('edge_training_image', '') }}"
SERVING_IMAGE = "{{ var.value.get('edge_serving_image', '') }}"
BUNDLE_STORE = "{{ var.value.get('edge_bundle_store', '') }}"
