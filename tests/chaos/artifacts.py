"""What MLflow keeps of a scene's training: versions, the champion, weights, and the raw log."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import httpx
import numpy as np
from tests.chaos.scene import Scene

from local_site import SiteInfo

CALL_LIMIT_S = 60.0
WEIGHTS_PATH = "model/artifacts/weights.npy"
RAW_LOG_PATH = "logs/train.log"


def versions(info: SiteInfo, name: str, training_key: str) -> list[dict[str, Any]]:
    """All versions of a model that carry this training key."""
    query = f"name='{name}' and tags.`training_key`='{training_key}'"
    found = _get(info, "/api/2.0/mlflow/model-versions/search", filter=query)
    return list(found.json().get("model_versions", []))


def champions(info: SiteInfo, name: str) -> list[str]:
    """The versions of a model that are called champion."""
    found = _get(info, "/api/2.0/mlflow/registered-models/get", name=name).json()["registered_model"]
    return [one["version"] for one in found.get("aliases", []) if one["alias"] == "champion"]


def weights_sha256(info: SiteInfo, version: dict[str, Any]) -> str:
    """SHA-256 of the bytes of a version's weights, not of the file that holds them."""
    content = _get(info, "/get-artifact", path=WEIGHTS_PATH, run_uuid=version["run_id"]).content
    return hashlib.sha256(np.load(io.BytesIO(content), allow_pickle=False).tobytes()).hexdigest()


def weights(scene: Scene) -> str:
    """SHA-256 of the weights that the scene's first run has registered."""
    (key,) = scene.training_keys()
    (version,) = versions(scene.site.info, scene.fault.model, key)
    return weights_sha256(scene.site.info, version)


def raw_log(scene: Scene) -> bytes | None:
    """The raw log of the scene's training; None when the model's run has none."""
    info = scene.site.info
    for key in scene.training_keys():
        for version in versions(info, scene.fault.model, key):
            found = _ask(info, "/get-artifact", path=RAW_LOG_PATH, run_uuid=version["run_id"])
            if found.is_success:
                return found.content
    return None


def _get(info: SiteInfo, path: str, /, **query: str) -> httpx.Response:
    response = _ask(info, path, **query)
    response.raise_for_status()
    return response


def _ask(info: SiteInfo, path: str, /, **query: str) -> httpx.Response:
    return httpx.get(f"{info.mlflow_url}{path}", params=query, trust_env=False, timeout=CALL_LIMIT_S)
