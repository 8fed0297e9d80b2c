"""What a run in a model registry is known by, and where in it things lie, whichever client writes it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from edge_runner.listing import ListedFile, bundle_digest
from edge_training import bundle as bundles
from edge_training.errors import ExportRefused
from edge_training.ports.model_registry import TRAINING_KEY_TAG
from edge_training.ports.validations import FILES_PATH, Validation

LOGS_PATH: Final = "logs"
LOG_DIGEST_TAG: Final = "log_sha256"
"""Followed by a slash and the log's name: what is kept of it is whole."""
CHECK_TAG: Final = "validation_job"
KIND_TAG: Final = "kind"
CHECK_KIND: Final = "validation"
CHECK_LISTING_TAG: Final = "validation_files"
STATE_KEPT: Final = "kept"
"""The state of a check's run that has all its files."""
CHECK_PAGE_PATH: Final = f"{FILES_PATH}/report.html"
_RUN_NAME_LENGTH: Final = 12


@dataclass(frozen=True)
class RunIdentity:
    """What a run is known by: a tag that no other run has.

    Attributes:
        tag: The tag's name.
        value: Its value.
        run_name: What people see the run called.
    """

    tag: str
    value: str
    run_name: str


def of_training(training_key: str, tags: Mapping[str, str] = MappingProxyType({})) -> RunIdentity:
    """What a training's run is known by; people see its partition, if the tags tell it."""
    name = f"train {tags['partition']}" if "partition" in tags else training_key[:_RUN_NAME_LENGTH]
    return RunIdentity(TRAINING_KEY_TAG, training_key, name)


def of_check(validation: Validation) -> RunIdentity:
    """What a check's run is known by."""
    return RunIdentity(CHECK_TAG, validation.job_name, f"validate {validation.partition}")


def tags_of_check(validation: Validation) -> dict[str, str]:
    """What a check's run that has to be made is marked with."""
    return {**validation.tags, "partition": validation.partition, KIND_TAG: CHECK_KIND}


def bundle_root(claimed: str, digest: str) -> str:
    """Where a bundle lies in its run: at the root, or apart when another one came first.

    Args:
        claimed: Digest of the bundle that has claimed the run's root.
        digest: Digest of the bundle.
    """
    return "" if claimed == digest else f"bundles/{digest}/"


def listing_of_bundle(content: bytes | None, digest: str) -> list[ListedFile]:
    """The listing of a bundle from what a run has kept of it; None: it has kept none.

    Raises:
        ExportRefused: It is none, or that of another bundle.
    """
    try:
        files = bundles.check_listing(json.loads(content or b""), ("**",))
    except ValueError as error:
        raise ExportRefused(f"The listing of bundle {digest} is no JSON ({error}).") from error
    if bundle_digest(files) != digest:
        raise ExportRefused(f"The listing of bundle {digest} is that of another one.")
    return files


def digest_of_file(file: Path) -> str:
    """SHA-256 of a file, in bounded memory."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
