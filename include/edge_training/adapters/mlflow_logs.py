"""The raw logs of trainings, as artifacts of their runs in MLflow; each is read back before it counts.

A tag of the run, `log_sha256/<name>`, is written last: an artifact without it was left by a crash.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_training.adapters.mlflow_registry import artifact_sizes
from edge_training.adapters.mlflow_runs import training_run
from edge_training.adapters.mlflow_session import MlflowSession, unless_absent
from edge_training.errors import ModelRegistryUnavailable

if TYPE_CHECKING:
    from mlflow import MlflowClient

LOGS_PATH: Final = "logs"
DIGEST_TAG: Final = "log_sha256"


class MlflowLogArchive:
    """An MLflow server; implements `LogArchive`."""

    def __init__(self, session: MlflowSession) -> None:
        """Use the server of a session; nothing is sent yet."""
        self._session = session

    def attach(self, model_name: str, training_key: str, log_file: Path) -> str:
        """See `LogArchive.attach`."""
        digest = digest_of_file(log_file)

        def attach(client: MlflowClient) -> str:
            run = training_run(client, model_name, training_key, {})
            tag = f"{DIGEST_TAG}/{log_file.name}"
            return _attach(client, run.info.run_id, log_file, digest, tag, run.data.tags.get(tag))

        return self._session.call(attach)


def _attach(
    client: MlflowClient, run_id: str, log_file: Path, digest: str, tag: str, kept_digest: str | None
) -> str:
    if kept_digest is not None:
        size_bytes = log_file.stat().st_size
        kept_bytes = dict(artifact_sizes(client, run_id, LOGS_PATH)).get(f"{LOGS_PATH}/{log_file.name}", 0)
        if kept_bytes is not None and kept_bytes > size_bytes:
            return kept_digest
        if kept_digest == digest and kept_bytes in (size_bytes, None):
            return digest
        unless_absent(client.delete_tag, run_id, tag)
    client.log_artifact(run_id, str(log_file), LOGS_PATH)
    _read_back(client, run_id, log_file, digest)
    client.set_tag(run_id, tag, digest)
    return digest


def _read_back(client: MlflowClient, run_id: str, log_file: Path, digest: str) -> None:
    with tempfile.TemporaryDirectory(dir=log_file.parent, prefix=".read-back-") as directory:
        copy = Path(client.download_artifacts(run_id, f"{LOGS_PATH}/{log_file.name}", directory))
        if digest_of_file(copy) != digest:
            raise ModelRegistryUnavailable(
                f"MLflow does not hold the bytes of {log_file.name} in run {run_id}; they are sent again."
            )


def digest_of_file(file: Path) -> str:
    """SHA-256 of a file, in bounded memory."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
