"""The raw logs of trainings, as artifacts of their runs in Azure Machine Learning; each is read back before
it counts.

A tag of the run, `log_sha256/<name>`, is written last: an artifact without it was left by a crash.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from edge_training.adapters.azureml.computes import SiteCompute, attached_name
from edge_training.adapters.azureml.files import RunBlobs
from edge_training.adapters.azureml.runs import KnownRun, ensure_run
from edge_training.adapters.azureml.session import AzureMlSession
from edge_training.adapters.run_layout import LOG_DIGEST_TAG, LOGS_PATH, digest_of_file, of_training
from edge_training.errors import ModelRegistryUnavailable

if TYPE_CHECKING:
    from edge_training.adapters.azureml.client import AzureMlClient


class AzureMlLogArchive:
    """A workspace; implements `LogArchive`."""

    def __init__(self, session: AzureMlSession, site_compute: SiteCompute | None = None) -> None:
        """Use a workspace; nothing is sent yet.

        Args:
            session: The workspace.
            site_compute: The machine that trainings run on.
        """
        self._session = session
        self._site_compute = site_compute

    def attach(self, model_name: str, training_key: str, log_file: Path) -> str:
        """See `LogArchive.attach`."""
        digest = digest_of_file(log_file)
        target = attached_name(self._site_compute)

        def attach(client: AzureMlClient) -> str:
            run = ensure_run(client, model_name, of_training(training_key), {}, target)
            return _attach(client, run, log_file, digest)

        return self._session.call(attach)


def _attach(client: AzureMlClient, run: KnownRun, log_file: Path, digest: str) -> str:
    files, path = RunBlobs(client, run.container), f"{LOGS_PATH}/{log_file.name}"
    tag = f"{LOG_DIGEST_TAG}/{log_file.name}"
    size_bytes = log_file.stat().st_size
    if tag in run.tags:
        kept_bytes = files.size_bytes(path)
        if kept_bytes is not None and kept_bytes > size_bytes:
            return run.tags[tag]
        if run.tags[tag] == digest and kept_bytes == size_bytes:
            return digest
        client.delete_run_tag(run.experiment, run.run_id, tag)
    with log_file.open("rb") as content:
        files.write(path, content, size_bytes)
    if _digest_of(files, path, log_file.parent) != digest:
        raise ModelRegistryUnavailable(
            f"Azure Machine Learning does not hold the bytes of {log_file.name} in run {run.run_id}; they "
            "are sent again."
        )
    client.write_run(run.experiment, run.run_id, tags={tag: digest})
    return digest


def _digest_of(files: RunBlobs, path: str, scratch: Path) -> str | None:
    """SHA-256 of a run's file, or None when there is none."""
    with tempfile.TemporaryDirectory(dir=scratch, prefix=".read-back-") as directory:
        copy = Path(directory) / "copy"
        return digest_of_file(copy) if files.fetch(path, copy) else None
