"""A job's access to the blob store, renewed while it runs by whoever watches it.

A signature lives for an hour; a staging may run for six. Every watcher looks now and then when the access
that was delivered last was made, in a record beside the job's directory, and delivers a new one at half its
life; or at once when the step asks for one, because the store refuses what it has. Each delivery is whole or
nothing, and one too many does no harm, so several watchers need no lock and a new one needs no memory.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from edge_runner.protocol import JOB_DIR, JOB_VOLUME_DIR, PACKAGE_NAME, WANTED_NAME, canonical_json
from edge_training.errors import DiskFull, EdgeError, SiteFailing, SiteNotReady, SiteUnreachable
from edge_training.given_sas import end_of
from edge_training.jobs import announced
from edge_training.ports.edge_host import EdgeHost

RECORD_NAME = "access.json"
COMMAND = ("python3", "-B", "-m", f"{PACKAGE_NAME}.blobs.renewal")
LOOK_EVERY_S = 30.0

Sign = Callable[[], Awaitable[Mapping[str, str]]]
"""Makes the job's secrets anew, of what the connection says now."""


@asynccontextmanager
async def renewed(
    host: EdgeHost,
    job_name: str,
    sign: Sign | None,
    say: Callable[[str], object],
    pause_s: float = LOOK_EVERY_S,
) -> AsyncIterator[None]:
    """Renew the job's access for the length of the block.

    Args:
        host: The site.
        job_name: The job.
        sign: Makes new access; None for a job that has none.
        say: Takes a sentence when that fails.
        pause_s: Between two looks.
    """
    if sign is None:
        yield
        return
    renewing = asyncio.create_task(_keep_renewing(host, job_name, sign, say, pause_s))
    try:
        yield
    finally:
        renewing.cancel()
        with suppress(asyncio.CancelledError):
            await renewing


async def _keep_renewing(
    host: EdgeHost, job_name: str, sign: Sign, say: Callable[[str], object], pause_s: float
) -> None:
    """A connection that is lost is noticed by whoever follows the job."""
    said = ""
    while True:
        await asyncio.sleep(pause_s)
        try:
            await renew_if_due(host, job_name, sign, datetime.now(UTC))
        except SiteFailing:
            continue  # Docker fails for a moment, and whoever follows a log may not notice
        except SiteUnreachable:
            return
        except EdgeError as error:
            if str(error) != said:
                said = str(error)
                say(f"The job's access to the blob store cannot be renewed: {said}")


async def renew_if_due(host: EdgeHost, job_name: str, sign: Sign, now: datetime) -> bool:
    """Deliver a new signature when half of the last one's life is over, or when the step asks for one.

    Returns:
        Whether it was delivered.

    Raises:
        EdgeError: It cannot be made, or the site does not take it.
    """
    if not (is_due(await _record(host, job_name), now) or await _is_wanted(host, job_name)):
        return False
    secrets = dict(await sign())
    if not await host.deliver(job_name, COMMAND, announced(canonical_json(secrets))):
        return False
    record = {"made": now.isoformat(), "ends": end_of(secrets["sas"]).isoformat()}
    with suppress(DiskFull, SiteNotReady):  # without it, the next look delivers again
        await host.write_file(job_name, JOB_VOLUME_DIR, RECORD_NAME, canonical_json(record))
    return True


def is_due(record: Mapping[str, Any] | None, now: datetime) -> bool:
    """Whether half the life of the access that was delivered last is over; of none, nothing is known."""
    if record is None:
        return True
    try:
        made, ends = (datetime.fromisoformat(record[name]) for name in ("made", "ends"))
        return now - made >= (ends - made) / 2
    except (ValueError, LookupError, TypeError):
        return True


async def _record(host: EdgeHost, job_name: str) -> Mapping[str, Any] | None:
    try:
        return dict(json.loads(await host.read_file(job_name, f"{JOB_VOLUME_DIR}/{RECORD_NAME}") or b"null"))
    except (ValueError, TypeError):
        return None  # there is none, or a power cut has torn it


async def _is_wanted(host: EdgeHost, job_name: str) -> bool:
    return await host.read_file(job_name, f"{JOB_DIR}/{WANTED_NAME}") is not None
