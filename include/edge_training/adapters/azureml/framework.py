"""What Azure Machine Learning calls the framework of a model, by the flavors that its MLmodel file names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from edge_runner.listing import MODEL_FILE_PATH
from edge_training import bundle as bundles

CUSTOM: Final = "Custom"
FRAMEWORKS: Final[Mapping[str, tuple[str, str]]] = {
    "sklearn": ("ScikitLearn", "sklearn_version"),
    "pytorch": ("PyTorch", "pytorch_version"),
    "tensorflow": ("TensorFlow", "tensorflow_version"),
    "keras": ("TfKeras", "keras_version"),
    "onnx": ("Onnx", "onnx_version"),
}
"""By flavor: the constant of `azureml.core.Model.Framework`, and the flavor's key with the version."""
_MODEL_FILE_BYTES = 2**20


def framework_of(bundle: Path) -> tuple[str, str | None]:
    """Framework and version of a stored bundle's model; `Custom` for one that the service has no word for."""
    for member, content in bundles.read_files(bundle):
        if member.name == MODEL_FILE_PATH:
            return framework(content.read(_MODEL_FILE_BYTES))
    return CUSTOM, None


def framework(model_file: bytes) -> tuple[str, str | None]:
    """Framework and version that an MLmodel file tells."""
    try:
        described: Any = yaml.safe_load(model_file)
    except yaml.YAMLError:
        return CUSTOM, None
    flavors = described.get("flavors") if isinstance(described, dict) else None
    for flavor, (name, version_key) in FRAMEWORKS.items():
        if isinstance(flavors, dict) and flavor in flavors:
            version = (flavors[flavor] or {}).get(version_key)
            return name, None if version is None else str(version)
    return CUSTOM, None
