"""Where a watch leaves its place in a job's log, so that another triggerer goes on from there.

A place that cannot be written, found or read costs lines that are shown twice, never the job.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict

from edge_runner.protocol import canonical_json
from edge_training.errors import SiteRefused, SiteUnreachable
from edge_training.ownership import Owner
from edge_training.ports.bookmarks import Bookmarks
from edge_training.watching import START, Cursor

SAVE_EVERY_S = 2.0
"""After the sudden death of a triggerer, twice this much of the log may stand there twice: what was handed to
Airflow's logger a moment ago may not be written yet, so the place before the last one is left."""
BOOKMARK = re.compile(r"(?P<job>edge-[a-z0-9-]+)\.[0-9a-f]{20}\.json(\.new)?")


def bookmark_name(job_name: str, owner: Owner) -> str:
    """The bookmark of a task in a job's log, the same for all its tries."""
    return f"{job_name}.{owner.task_name}.json"


def job_of(name: str) -> str | None:
    """The container that a bookmark belongs to; None for what is no bookmark of ours."""
    found = BOOKMARK.fullmatch(name)
    return found["job"] if found else None


async def leave(bookmarks: Bookmarks, job_name: str, owner: Owner, cursor: Cursor) -> None:
    """Leave the cursor on the site, for whoever goes on watching for the same try."""
    content = canonical_json({"attempt": owner.attempt, "cursor": asdict(cursor)})
    await bookmarks.put(bookmark_name(job_name, owner), content)


async def left(bookmarks: Bookmarks, job_name: str, owner: Owner) -> Cursor:
    """The cursor that this try has left; the start when there is none that can be read.

    Raises:
        SiteUnreachable: The connection is lost.
    """
    with suppress(SiteRefused, ValueError, LookupError, TypeError):
        content = json.loads(await bookmarks.get(bookmark_name(job_name, owner)) or b"{}")
        if content["attempt"] == owner.attempt:
            return Cursor(**content["cursor"])
    return START


@asynccontextmanager
async def kept(
    bookmarks: Bookmarks,
    job_name: str,
    owner: Owner,
    cursor: Callable[[], Cursor],
    say: Callable[[str], object],
) -> AsyncIterator[None]:
    """Leave the cursor every few seconds while it moves, and at the end of the block.

    Args:
        bookmarks: Where.
        job_name: The job that is followed.
        owner: For whom.
        cursor: Tells the present place.
        say: Takes a sentence, once, when the site refuses the bookmark.
    """
    over = asyncio.Event()
    keeper = asyncio.create_task(_keep_leaving(bookmarks, job_name, owner, cursor, cursor(), say, over))
    try:
        yield
    finally:
        over.set()
        await keeper


async def _keep_leaving(
    bookmarks: Bookmarks,
    job_name: str,
    owner: Owner,
    cursor: Callable[[], Cursor],
    last: Cursor,
    say: Callable[[str], object],
    over: asyncio.Event,
) -> None:
    """A connection that is lost is noticed by whoever follows the job."""
    seen = last
    try:
        while not over.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), SAVE_EVERY_S)
            written, seen = seen, cursor()
            if over.is_set():
                written = seen
            if written != last:
                last = written
                await leave(bookmarks, job_name, owner, last)
    except SiteUnreachable:
        return
    except SiteRefused as refused:
        say(f"{refused} Until then, a triggerer that dies may leave lines of this log standing here twice.")
