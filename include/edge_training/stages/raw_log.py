"""The raw log of a job: it stays on the site until its copy, of the same digest, is the run's artifact."""

from __future__ import annotations

import asyncio
import hashlib
import sys
import tarfile
import tempfile
from contextlib import aclosing, suppress
from pathlib import Path

from edge_runner import protocol
from edge_training import tarstream
from edge_training.errors import (
    DiskFull,
    ExportRefused,
    JobInterrupted,
    ModelRegistryRefused,
    SiteNotReady,
)
from edge_training.outcomes import Ending, existing, read_ending
from edge_training.ports.edge_host import EdgeHost
from edge_training.ports.tracking import LogArchive

LOG_PATH = f"{protocol.JOB_DIR}/{protocol.LOG_NAME}"
LOG_ARTIFACT = "train.log"
KEPT_NAME = "log-kept.json"
KEPT_PATH = f"{protocol.JOB_VOLUME_DIR}/{KEPT_NAME}"
"""The mark that a log has a copy elsewhere, out of the job's own reach."""
TAR_OVERHEAD_BYTES = 2**16


async def keep(
    host: EdgeHost, job_name: str, archive: LogArchive, model_name: str, training_key: str
) -> Ending | None:
    """Make the raw log of a finished training an artifact of its run, and mark it as kept on the site.

    A runner that was killed wrote nothing down of its log; what is there is kept all the same.

    Args:
        host: The site.
        job_name: The training's container.
        archive: Where to.
        model_name: The model's name.
        training_key: The identity of the training.

    Returns:
        Size and digest of the log; None when there was nothing to keep: no log, or one that has its copy.

    Raises:
        JobInterrupted: The log is not what the runner wrote down of it, or is still written.
        ModelRegistryUnavailable: It is tried again by the next call.
        ModelRegistryRefused: The registry does not take it.
    """
    if await is_kept(host, job_name):
        return None
    with tempfile.TemporaryDirectory(prefix="edge-log-") as folder:
        path = Path(folder) / LOG_ARTIFACT
        found = await fetch(host, job_name, path)
        if found is None:
            return None
        await asyncio.to_thread(attach, archive, model_name, training_key, path, found.log_sha256)
    with suppress(DiskFull, SiteNotReady):  # without its mark the copy is looked for again, and found
        await host.write_file(job_name, protocol.JOB_VOLUME_DIR, KEPT_NAME, mark_of(found))
    return found


async def is_kept(host: EdgeHost, job_name: str) -> bool:
    """Whether the log that the runner wrote down last has its copy."""
    ending = await read_ending(host, job_name)
    return ending is not None and await host.read_file(job_name, KEPT_PATH) == mark_of(ending)


def mark_of(ending: Ending) -> bytes:
    """The mark of a log that has a copy; a log that has grown since then has another one."""
    return protocol.canonical_json({"sha256": ending.log_sha256})


async def fetch(host: EdgeHost, job_name: str, path: Path) -> Ending | None:
    """Bring the raw log into a file; memory is bounded by a chunk of it.

    Returns:
        Size and digest of the log; None when there is no log.
    """
    ending, state = await read_ending(host, job_name), await existing(host, job_name)
    if state.status == "running":
        raise JobInterrupted(f"{job_name} runs; its raw log is kept when it has ended.")
    limit_bytes = sys.maxsize if ending is None else ending.log_size_bytes + TAR_OVERHEAD_BYTES
    stream = host.stream_directory(job_name, LOG_PATH)
    try:
        async with aclosing(tarstream.BlockingReader(stream, limit_bytes)) as reader:
            digest = await asyncio.to_thread(unpack, reader, path)
    except JobInterrupted:
        return None
    except (ExportRefused, tarfile.TarError):
        raise not_as_written(job_name) from None
    if ending is not None and digest != ending.log_sha256:
        raise not_as_written(job_name)
    return ending or Ending(path.stat().st_size, digest, memory_peak_bytes=None)


def not_as_written(job_name: str) -> JobInterrupted:
    """Its digest or its size is another one, or it changes while it is read."""
    return JobInterrupted(
        f"The raw log of {job_name} is not the one its runner wrote down; it stays on the site, in the "
        "job's volume."
    )


def attach(archive: LogArchive, model_name: str, training_key: str, path: Path, sha256: str) -> None:
    """Give the run the log; one that has a longer log of this training already, from before its volume was
    removed, gets this one beside it.

    Raises:
        ModelRegistryRefused: The run has something else of the log's own name.
    """
    for name in (LOG_ARTIFACT, f"train-{sha256[:12]}.log"):
        path = path.rename(path.with_name(name))
        if archive.attach(model_name, training_key, path) == sha256:
            return
    raise ModelRegistryRefused(
        f"The run of the training {training_key} of {model_name} has another log called {path.name}; remove "
        "that artifact and its tag."
    )


def unpack(reader: tarstream.BlockingReader, path: Path) -> str:
    """Write the one file of a tar; gives its digest."""
    digest = hashlib.sha256()
    with tarfile.open(fileobj=reader, mode="r|") as archive, path.open("wb") as target:
        for member in archive:
            content = archive.extractfile(member)
            for chunk in tarstream.chunks(content) if content else ():
                digest.update(chunk)
                target.write(chunk)
    return digest.hexdigest()
