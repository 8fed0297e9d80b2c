"""Checks of data as runs in Azure Machine Learning, in the model's experiment beside its trainings; each file
is read back before it counts.

The tag `state` is written last, together with the listing of the files: a run without it was left by a crash,
and the next `keep` completes it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from edge_runner.frames import Point
from edge_runner.listing import ListedFile, listing_of
from edge_runner.protocol import canonical_json
from edge_training.adapters.azureml.files import RunBlobs, container_of
from edge_training.adapters.azureml.runs import FAILED, FINISHED, ensure_run, missing, move_to, write_points
from edge_training.adapters.azureml.session import AzureMlSession
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
    from edge_training.adapters.azureml.client import AzureMlClient


class AzureMlValidationArchive:
    """A workspace; implements `ValidationArchive`."""

    def __init__(self, session: AzureMlSession) -> None:
        """Use a workspace; nothing is sent yet."""
        self._session = session

    def keep(self, validation: Validation) -> KeptValidation:
        """See `ValidationArchive.keep`."""
        run_id, files = self._session.call(lambda client: _keep(client, validation))
        return KeptValidation(run_id, self._session.link_to_file(run_id, CHECK_PAGE_PATH), files)

    def fetch(self, run_id: str, files: Sequence[ListedFile]) -> dict[str, bytes]:
        """See `ValidationArchive.fetch`."""
        names = [file["path"] for file in files]

        def read(client: AzureMlClient) -> dict[str, bytes]:
            run = client.run(run_id)
            return {} if run is None else _read(RunBlobs(client, container_of(run)), names)

        found = self._session.call(read)
        if listing_of(found) != list(files):
            raise ModelRegistryRefused(
                f"Azure Machine Learning no longer has the files of the validation {run_id} as they were "
                "kept; delete that run and clear validate_data."
            )
        return found


def _keep(client: AzureMlClient, validation: Validation) -> tuple[str, list[ListedFile]]:
    run = ensure_run(client, validation.model_name, of_check(validation), tags_of_check(validation))
    if run.is_complete:
        return run.run_id, json.loads(run.tags[CHECK_LISTING_TAG])
    now_ms = time.time_ns() // 1_000_000
    points = [Point(0, name, value, now_ms) for name, value in sorted(validation.metrics.items())]
    write_points(client, run.run_id, missing(client, run.run_id, points))
    run_files, files = RunBlobs(client, run.container), listing_of(validation.files)
    for name, content in validation.files.items():
        run_files.write(f"{FILES_PATH}/{name}", content, len(content))
    if listing_of(_read(run_files, list(validation.files))) != files:
        raise ModelRegistryUnavailable(
            f"Azure Machine Learning does not hold the bytes of the validation {run.run_id}; they are sent "
            "again."
        )
    move_to(client, run, FINISHED if validation.passed else FAILED)
    kept = {CHECK_LISTING_TAG: canonical_json(files).decode(), STATE_TAG: STATE_KEPT}
    client.write_run(run.experiment, run.run_id, tags=kept)
    return run.run_id, files


def _read(run_files: RunBlobs, names: Sequence[str]) -> dict[str, bytes]:
    """Those of the files that a run has, by name."""
    found = {name: run_files.read(f"{FILES_PATH}/{name}") for name in names}
    return {name: content for name, content in found.items() if content is not None}
