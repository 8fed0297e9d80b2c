"""Checks of data as runs in MLflow, in the model's experiment beside its trainings; each file is read back
before it counts.

The tag `state` is written last, together with the listing of the files: a run without it was left by a crash,
and the next `keep` completes it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from edge_runner.listing import ListedFile, listing_of
from edge_runner.protocol import canonical_json
from edge_training import bundle as bundles
from edge_training.adapters.mlflow.files import RunFiles
from edge_training.adapters.mlflow.runs import one_run
from edge_training.adapters.mlflow.session import MlflowSession
from edge_training.adapters.run_layout import (
    CHECK_LISTING_TAG,
    CHECK_PAGE_PATH,
    STATE_KEPT,
    of_check,
    tags_of_check,
)
from edge_training.errors import ModelRegistryRefused, ModelRegistryUnavailable
from edge_training.ports.model_registry import STATE_TAG
from edge_training.ports.validations import FILES_PATH, KeptValidation, Validation

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


class MlflowValidationArchive:
    """An MLflow server; implements `ValidationArchive`."""

    def __init__(self, session: MlflowSession) -> None:
        """Use the server of a session; nothing is sent yet."""
        self._session = session

    def keep(self, validation: Validation) -> KeptValidation:
        """See `ValidationArchive.keep`."""
        return self._session.call(
            lambda client: _keep(client, self._session.dialect.files(client), validation)
        )

    def fetch(self, run_id: str, files: Sequence[ListedFile]) -> dict[str, bytes]:
        """See `ValidationArchive.fetch`."""
        names = [file["path"] for file in files]
        found = self._session.call(lambda client: _read(self._session.dialect.files(client), run_id, names))
        if listing_of(found) != list(files):
            raise ModelRegistryRefused(
                f"MLflow no longer has the files of the validation {run_id} as they were kept; delete that "
                "run and clear validate_data."
            )
        return found


def _keep(client: MlflowClient, run_files: RunFiles, validation: Validation) -> KeptValidation:
    run = one_run(client, validation.model_name, of_check(validation), tags_of_check(validation))
    page = run_files.page(run, CHECK_PAGE_PATH)
    if STATE_TAG in run.data.tags:
        return KeptValidation(run.info.run_id, page, json.loads(run.data.tags[CHECK_LISTING_TAG]))
    _write(client, run_files, run, validation)
    files = listing_of(validation.files)
    if listing_of(_read(run_files, run.info.run_id, list(validation.files))) != files:
        raise ModelRegistryUnavailable(
            f"MLflow does not hold the bytes of the validation {run.info.run_id}; they are sent again."
        )
    _finish(client, run, "FINISHED" if validation.passed else "FAILED", files)
    return KeptValidation(run.info.run_id, page, files)


def _write(client: MlflowClient, run_files: RunFiles, run: Run, validation: Validation) -> None:
    from mlflow.entities import Metric

    # The run's own time: a point that is written again is the same point.
    time_ms = run.info.start_time
    metrics = [Metric(name, value, time_ms, 0) for name, value in sorted(validation.metrics.items())]
    client.log_batch(run.info.run_id, metrics=metrics)
    files = {f"{FILES_PATH}/{name}": content for name, content in validation.files.items()}
    run_files.write(run, bundles.in_memory(files))


def _finish(client: MlflowClient, run: Run, status: str, files: Sequence[ListedFile]) -> None:
    from mlflow.entities import RunTag

    client.set_terminated(run.info.run_id, status)
    listing = canonical_json(files).decode()
    client.log_batch(
        run.info.run_id, tags=[RunTag(CHECK_LISTING_TAG, listing), RunTag(STATE_TAG, STATE_KEPT)]
    )


def _read(run_files: RunFiles, run_id: str, names: Sequence[str]) -> dict[str, bytes]:
    """Those of the files that a run has, by name."""
    return {
        name: content
        for name in names
        if (content := run_files.read(run_id, f"{FILES_PATH}/{name}")) is not None
    }
