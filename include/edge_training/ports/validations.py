"""The port to where people look at what became of the data: each check of a partition has a run of its own in
the model registry, with the report and the profile that the site has let out.

A check has its run before any training has one, and data that was rejected never gets a training. A check is
known by the name of its job, so the same check of the same data has one run, however often it is tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from edge_runner.listing import PROFILE_NAME, ListedFile

FILES_PATH: Final = "validation"
"""The directory of a run's artifacts that holds a check's files, also in the run of a training."""
PROFILE_PATH: Final = f"{FILES_PATH}/{PROFILE_NAME}"


@dataclass(frozen=True)
class Validation:
    """A check of a partition's data.

    Attributes:
        model_name: Whose data it is.
        job_name: The check's container, which names its inputs.
        partition: The partition's key.
        passed: Whether a model may be trained on the data.
        files: Report and profile, by name.
        tags: Lineage.
        metrics: What people compare from day to day.
    """

    model_name: str
    job_name: str
    partition: str
    passed: bool
    files: Mapping[str, bytes] = field(repr=False)
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class KeptValidation:
    """A check as the archive has it.

    Attributes:
        run_id: Its run.
        url: Where people read the report.
        files: Names, sizes and digests of its files.
    """

    run_id: str
    url: str
    files: Sequence[ListedFile]


class ValidationArchive(Protocol):
    """Keeps reports and profiles; synchronous, safe to repeat.

    Every call may raise `ModelRegistryUnavailable` (try again) or `ModelRegistryRefused` (do not).
    """

    def keep(self, validation: Validation) -> KeptValidation:
        """Keep a check, or complete what a crash has left of it.

        A check that is kept stays as it is, also when these files have other bytes: the first ones count.
        """

    def fetch(self, run_id: str, files: Sequence[ListedFile]) -> dict[str, bytes]:
        """Files of a kept check, by name, verified by their digests.

        Raises:
            ModelRegistryRefused: The archive no longer has them.
        """
