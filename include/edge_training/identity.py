"""Who is who: the keys that say when two jobs are the same one, and every name that follows from a key.

Nothing else in the project builds the name of a job's or service's container, or of a volume. A key is the
SHA-256 of everything that decides a step's result, so the same inputs find the job that already ran, and
other inputs never do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_runner.protocol import canonical_json

KEY_LENGTH_IN_NAMES = 40
CACHE_VOLUME = "edge-cache"
LABEL_PREFIX = "edge-training"


def digest_of_json(value: Any) -> str:
    """SHA-256 (hex) over the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def step_key(step: str, **inputs: Any) -> str:
    """The identity of one step: its name and everything that decides its result."""
    return digest_of_json({"step": step, "inputs": inputs})


def training_key(
    data_digest: str,
    code_digest: str,
    script: str,
    training_image: str,
    params: Mapping[str, Any],
    seed: int,
    force_nonce: str,
) -> str:
    """The identity of one training.

    Args:
        data_digest: SHA-256 of the manifest.
        code_digest: SHA-256 of the model's code, see `code_digest`.
        script: Which file of that code is run.
        training_image: Image reference; only its digest counts, so a mirrored registry gives the same key.
        params: The script's parameters.
        seed: Seed of all randomness.
        force_nonce: Empty, or what names the run whose user wants this training although it was done before.
    """
    inputs: dict[str, Any] = {
        "data_digest": data_digest,
        "code_digest": code_digest,
        "script": script,
        "training_image": image_digest(training_image),
        "params": dict(params),
        "seed": seed,
    }
    if force_nonce:
        inputs["force"] = force_nonce
    return step_key("train", **inputs)


def image_digest(reference: str) -> str:
    """The `sha256:...` part of an image reference."""
    return reference.rpartition("@")[2]


def container_name(step: str, key: str) -> str:
    """The container, and the volume, of a step."""
    return f"edge-{step}-{key[:KEY_LENGTH_IN_NAMES]}"


def set_aside_name(name: str, number: int) -> str:
    """What a failed container is renamed to, so that its name is free for the next try."""
    return f"{name}.failed-{number}"


def lease_name(gpu: str) -> str:
    """The container that stands for the lease of a GPU."""
    return f"edge-lease-{gpu}"


def service_name(model_name: str) -> str:
    """The container that serves a model."""
    return f"edge-service-{model_name}"


def candidate_name(service: str) -> str:
    """The container in which a new image proves itself beside the service."""
    return f"{service}.candidate"


def previous_name(service: str) -> str:
    """What the old service is called while the new one takes its place."""
    return f"{service}.previous"


def labels(**values: str) -> dict[str, str]:
    """Docker labels of ours."""
    return {f"{LABEL_PREFIX}.{name}": value for name, value in values.items()}


def label(labels_of_container: Mapping[str, str], name: str) -> str:
    """The value of a label of ours; empty when there is none."""
    return labels_of_container.get(f"{LABEL_PREFIX}.{name}", "")


def read_code(folder: Path) -> dict[str, bytes]:
    """The files of a folder that travel to the site, by relative path; caches and hidden files stay."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not any(part.startswith((".", "__pycache__")) for part in path.relative_to(folder).parts)
    }


def code_digest(files: Mapping[str, bytes]) -> str:
    """SHA-256 over paths and contents of code."""
    return digest_of_json({path: hashlib.sha256(content).hexdigest() for path, content in files.items()})
