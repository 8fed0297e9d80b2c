"""Opens an Azure Machine Learning workspace for the other end of the bridge."""

from __future__ import annotations

from typing import Any

from edge_training.adapters.azureml_registry import AzureMlRegistry
from edge_training.adapters.azureml_session import AzureMlSession


def open_azureml(*, compute_target: str | None = None, **workspace: Any) -> AzureMlRegistry:
    """A workspace; see `AzureMlSession` for the options, and `AzureMlRegistry` for the target."""
    return AzureMlRegistry(AzureMlSession(**workspace), compute_target)
