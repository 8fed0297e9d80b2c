"""Registers a bundle, or fetches one, with the adapter that workers use.

`python -m benchmarks.registration.run_ours register URL MODEL BUNDLE` or `... fetch URL MODEL STORE`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.measured import peak_bytes, tell
from edge_training.adapters.mlflow.registry import MlflowRegistry
from edge_training.adapters.mlflow.session import MlflowSession
from edge_training.ports.model_registry import Registration

TRAINING_KEY = "5" * 64


def register(registry: MlflowRegistry, model: str, path: str) -> Callable[[], object]:
    """Make one version of a stored bundle."""
    registration = Registration(model, TRAINING_KEY, Path(path), tags={"partition": "2013-02-01"})
    return lambda: registry.register(registration)


def fetch(registry: MlflowRegistry, model: str, path: str) -> Callable[[], object]:
    """Bring that version's bundle into an empty store."""
    version = registry.find(model, TRAINING_KEY)
    assert version is not None
    return lambda: registry.fetch(version, Path(path))


def main(action: str, url: str, model: str, path: str) -> None:
    """Do it once; the client's imports, which a worker needs once, are done by a question before."""
    registry = MlflowRegistry(MlflowSession(url, patience_s=0))
    registry.find(model, TRAINING_KEY)
    work = {"register": register, "fetch": fetch}[action](registry, model, path)
    before_bytes, began_at = peak_bytes(), time.perf_counter()
    work()
    tell(time.perf_counter() - began_at, before_bytes=before_bytes)


if __name__ == "__main__":
    main(*sys.argv[1:])
