"""The raw log of a job: it stays on the site until its copy, of the same digest, is the run's artifact."""

from __future__ import annotations

import asyncio
import hashlib
import tarfile
import tempfile
from pathlib import Path

from edge_runner import protocol
from edge_training import tarstream
from edge_training.errors import JobInterrupted
from edge_training.outcomes import Ending, read_ending
from edge_training.ports.edge_host import EdgeHost
from edge_training.ports.tracking import LogArchive

LOG_PATH = f"{protocol.JOB_DIR}/{protocol.LOG_NAME}"
KEPT_NAME = "log-kept.json"
KEPT_PATH = f"{protocol.JOB_VOLUME_DIR}/{KEPT_NAME}"
"""The mark that housekeeping looks for: the log has a copy elsewhere."""
TAR_OVERHEAD_BYTES = 2**16


async def keep(
    host: EdgeHost, job_name: str, archive: LogArchive, model_name: str, training_key: str
) -> Ending | None:
    """Make the raw log of a finished training an artifact of its run, and mark it as kept on the site.

    Args:
        host: The site.
        job_name: The training's container.
        archive: Where to.
        model_name: The model's name.
        training_key: The identity of the training.

    Returns:
        Size and digest of the log; None when there was nothing to keep.

    Raises:
        JobInterrupted: The log is not what the runner wrote down of it.
        ModelRegistryUnavailable: It is tried again by the next call.
        ModelRegistryRefused: The registry does not take it.
    """
    ending = await read_ending(host, job_name)
    mark = None if ending is None else protocol.canonical_json({"sha256": ending.log_sha256})
    if ending is None or mark is None or await host.read_file(job_name, KEPT_PATH) == mark:
        return None
    with tempfile.TemporaryDirectory(prefix="edge-log-") as folder:
        path = Path(folder) / "train.log"
        await fetch(host, job_name, ending, path)
        kept_sha256 = await asyncio.to_thread(archive.attach, model_name, training_key, path)
    if kept_sha256 != ending.log_sha256:
        return None  # The run has a longer log of this training, from before its volume was removed.
    await host.write_file(job_name, protocol.JOB_VOLUME_DIR, KEPT_NAME, mark)
    return ending


async def fetch(host: EdgeHost, job_name: str, ending: Ending, path: Path) -> None:
    """Bring the raw log into a file; memory is bounded by a chunk of it."""
    limit_bytes = ending.log_size_bytes + TAR_OVERHEAD_BYTES
    stream = host.stream_directory(job_name, LOG_PATH)
    reader = tarstream.BlockingReader(stream, asyncio.get_running_loop(), limit_bytes)
    try:
        digest = await asyncio.to_thread(unpack, reader, path)
    finally:
        reader.close()
    if digest != ending.log_sha256:
        raise JobInterrupted(
            f"The raw log of {job_name} is not the one its runner wrote down; it stays on the site, in the "
            "job's volume."
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
