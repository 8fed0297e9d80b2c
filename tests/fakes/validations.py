"""Checks of data in memory; obeys tests/contract/test_validations.py like the real ones."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from edge_runner.listing import ListedFile, listing_of
from edge_training.errors import ModelRegistryRefused
from edge_training.ports.validations import KeptValidation, Validation


class InMemoryValidations:
    """Implements `ValidationArchive`; `kept` holds the checks by run.

    Attributes:
        kept: What was kept, by the run's id.
        outage: What every call raises; None for an archive that answers.
    """

    def __init__(self) -> None:
        self.kept: dict[str, Validation] = {}
        self.outage: Exception | None = None

    def keep(self, validation: Validation) -> KeptValidation:
        """See `ValidationArchive.keep`."""
        if self.outage:
            raise self.outage
        for run_id, known in self.kept.items():
            if (known.model_name, known.job_name) == (validation.model_name, validation.job_name):
                return kept(run_id, known)
        run_id = uuid.uuid4().hex
        self.kept[run_id] = validation
        return kept(run_id, validation)

    def fetch(self, run_id: str, files: Sequence[ListedFile]) -> dict[str, bytes]:
        """See `ValidationArchive.fetch`."""
        if self.outage:
            raise self.outage
        found = self.kept[run_id].files if run_id in self.kept else {}
        if listing_of(found) != list(files):
            raise ModelRegistryRefused(f"The run {run_id} has other files; clear validate_data.")
        return dict(found)


def kept(run_id: str, validation: Validation) -> KeptValidation:
    """A check as it is kept."""
    return KeptValidation(run_id, f"memory:/{run_id}", listing_of(validation.files))
