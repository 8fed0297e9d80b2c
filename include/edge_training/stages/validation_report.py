"""The report on a partition's data leaves the site, also when the data is rejected: file by file against a
list, as a model does, to where people find it.
"""

from __future__ import annotations

import asyncio
import tarfile
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Any

from edge_runner.listing import ListedFile, listing_of
from edge_runner.protocol import JOB_DIR
from edge_training import tarstream
from edge_training.bundle import check_listing
from edge_training.errors import (
    DataRejected,
    ExportRefused,
    Final,
    ModelRegistryRefused,
    ModelRegistryUnavailable,
)
from edge_training.ports.edge_host import EdgeHost
from edge_training.ports.validations import KeptValidation, Validation, ValidationArchive
from edge_training.run import PipelineRun
from edge_training.validation_files import MAX_SIZE_BYTES, NAMES, metrics_of, require_known

TAR_OVERHEAD_BYTES = 2**14
Say = Callable[[str], object]


async def keep(
    host: EdgeHost,
    archive: ValidationArchive,
    run: PipelineRun,
    job_name: str,
    found: Mapping[str, Any],
    *,
    passed: bool,
    say: Say,
) -> KeptValidation:
    """Let the files of an ended check out, and keep them.

    Args:
        host: The site.
        archive: Where to.
        run: The run that asked for the check.
        job_name: The check's container.
        found: The check's value, or the details of its refusal; `report` lists the files.
        passed: Whether a model may be trained on the data.
        say: Is told of every file before its first byte leaves.

    Raises:
        ExportRefused: A file is not the one on the list, or holds what may not leave.
        JobInterrupted: A file or the container is gone; the next try makes it again.
        ModelRegistryUnavailable: The archive does not answer.
        ModelRegistryRefused: It does not take the check.
    """
    listed = listed_files(found)
    for file in listed:
        say("leaves the site: {path}, {size} bytes, sha256 {sha256}".format(**file))
    files = {file["path"]: await fetch(host, job_name, file) for file in listed}
    validation = Validation(
        model_name=run.project.name,
        job_name=job_name,
        partition=run.partition,
        passed=passed,
        files=files,
        tags={"site": run.site.name, "dag_id": run.owner.dag_id, "run_id": run.owner.run_id},
        metrics=metrics_of(found, run.project.drift.ignore),
    )
    return await asyncio.to_thread(archive.keep, validation)


async def keep_rejected(
    host: EdgeHost, archive: ValidationArchive, run: PipelineRun, job_name: str, error: Final, say: Say
) -> tuple[Final, str]:
    """Keep the report on data that was rejected and has one, see `has_report`.

    Args:
        host: The site.
        archive: Where to.
        run: The run that asked for the check.
        job_name: The check's container.
        error: Why it has no value.
        say: As in `keep`.

    Returns:
        The error that ends the task, which names where the report is, and the report's address; empty when it
        could not leave.

    Raises:
        ModelRegistryUnavailable: With both sentences; the report is kept by the next try.
    """
    try:
        kept = await keep(host, archive, run, job_name, error.details, passed=False, say=say)
    except (ExportRefused, ModelRegistryRefused) as refusal:
        return with_note(error, f"Its report stays on the site: {refusal}"), ""
    except ModelRegistryUnavailable as outage:
        raise ModelRegistryUnavailable(f"{error} Its report waits for the model registry: {outage}") from None
    return with_note(error, f"The report is at {kept.url}."), kept.url


def has_report(error: Final) -> bool:
    """Whether a check that has ended badly has left a report; one that could not be made at all has not."""
    return isinstance(error, DataRejected) and "report" in error.details


def listed_files(found: Mapping[str, Any]) -> list[ListedFile]:
    """The files that a check wants to let out, once the worker too finds that they may leave.

    Raises:
        ExportRefused: One of them may not.
    """
    files = check_listing(found.get("report"), NAMES)
    size_bytes = sum(file["size"] for file in files)
    if size_bytes > MAX_SIZE_BYTES:
        raise ExportRefused(
            f"The report and profile of the data hold {size_bytes} bytes, at most {MAX_SIZE_BYTES} may leave "
            "the site; let the contract name fewer columns."
        )
    return files


def with_note(error: Final, note: str) -> Final:
    """The same error with one more sentence."""
    return type(error)(f"{error} {note}", error.details)


async def fetch(host: EdgeHost, job_name: str, file: ListedFile) -> bytes:
    """Bring one file of a check; memory is bounded by its listed size.

    Raises:
        ExportRefused: It is not the file that was listed, or holds what may not leave.
        JobInterrupted: It is gone.
    """
    stream = host.stream_directory(job_name, f"{JOB_DIR}/{file['path']}")
    reader = tarstream.BlockingReader(stream, file["size"] + TAR_OVERHEAD_BYTES)
    async with aclosing(reader):
        content = await asyncio.to_thread(_only_file, reader, file["path"])
    if listing_of({file["path"]: content}) != [file]:
        raise ExportRefused(
            f"{file['path']} did not arrive as listed ({file['size']} bytes, SHA-256 {file['sha256']}); "
            "nothing was kept: clear validate_data to make it again."
        )
    require_known(file["path"], content)
    return content


def _only_file(reader: tarstream.BlockingReader, path: str) -> bytes:
    """The content of the one plain file of a tar."""
    try:
        with tarfile.open(fileobj=reader, mode="r|") as archive:
            member = archive.next()
            content = archive.extractfile(member) if member and member.isfile() else None
            if content is not None:
                return content.read()
    except tarfile.TarError as error:
        raise ExportRefused(
            f"The site did not send a whole tar of {path} ({error}); clear validate_data to send it again."
        ) from None
    raise ExportRefused(f"The site sent {path} as a link or a special file; examine the site.")
