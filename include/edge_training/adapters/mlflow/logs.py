"""The raw logs of trainings, as artifacts of their runs in MLflow; each is read back before it counts.

A tag of the run, `log_sha256/<name>`, is written last: an artifact without it was left by a crash.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from edge_training.adapters.mlflow.files import RunFiles
from edge_training.adapters.mlflow.refusals import unless_absent
from edge_training.adapters.mlflow.runs import training_run
from edge_training.adapters.mlflow.session import MlflowSession
from edge_training.adapters.run_layout import LOG_DIGEST_TAG, LOGS_PATH, digest_of_file
from edge_training.errors import ModelRegistryUnavailable

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


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
            return _attach(client, self._session.dialect.files(client), run, log_file, digest)

        return self._session.call(attach)


def _attach(client: MlflowClient, run_files: RunFiles, run: Run, log_file: Path, digest: str) -> str:
    run_id, tag = run.info.run_id, f"{LOG_DIGEST_TAG}/{log_file.name}"
    kept_digest: str | None = run.data.tags.get(tag)
    if kept_digest is not None:
        size_bytes = log_file.stat().st_size
        kept_bytes = run_files.size_bytes(run_id, f"{LOGS_PATH}/{log_file.name}")
        if kept_bytes is not None and kept_bytes > size_bytes:
            return kept_digest
        if kept_digest == digest and kept_bytes in (size_bytes, None):
            return digest
        unless_absent(client.delete_tag, run_id, tag)
    run_files.put_file(run_id, log_file, LOGS_PATH)
    _read_back(run_files, run_id, log_file, digest)
    client.set_tag(run_id, tag, digest)
    return digest


def _read_back(run_files: RunFiles, run_id: str, log_file: Path, digest: str) -> None:
    with tempfile.TemporaryDirectory(dir=log_file.parent, prefix=".read-back-") as directory:
        copy = run_files.fetch(run_id, f"{LOGS_PATH}/{log_file.name}", Path(directory))
        if digest_of_file(copy) != digest:
            raise ModelRegistryUnavailable(
                f"MLflow does not hold the bytes of {log_file.name} in run {run_id}; they are sent again."
            )
