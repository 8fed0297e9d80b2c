"""Following a job to its end: each of its lines once, through lost connections and restarts of its container.

The place of a line in the raw log, not its time, says whether it was passed on before: clocks are set back,
and two lines may share a time. When a place is missing, or the raw log turns out to be longer than what was
seen, Docker's log is read again from its start. What follows the last line that was seen is new wherever it
lies: a power cut takes the end of the raw log, and its places are given again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from edge_runner import frames
from edge_runner.protocol import canonical_json
from edge_training import errors, lifecycle, ownership
from edge_training.jobs import announced
from edge_training.outcomes import existing, phase, read_ending
from edge_training.ownership import Owner
from edge_training.ports.edge_host import ContainerState, EdgeHost, LogLine
from edge_training.renewal import Sign

Frame = frames.Line | frames.Point | None
TURN_PAUSE_S = 5.0


class Sink(Protocol):
    """Takes what a job says."""

    def line(self, text: str) -> None:
        """A line of its output."""

    def point(self, point: frames.Point) -> None:
        """A point of one of its metrics."""


@dataclass(frozen=True)
class Cursor:
    """How far a job was followed.

    Attributes:
        container: Id of the container; another one begins anew.
        stamp: Docker's time of the last line of output that was seen; empty before the first.
        place: Where in the raw log that line ended; None before the first.
        latest: The latest of Docker's times, remarks and points included.
    """

    container: str = ""
    stamp: str = ""
    place: int | None = None
    latest: str = ""


START = Cursor()


class Gap(Exception):
    """Output is missing between what was seen and what Docker's log shows."""


async def watch(
    host: EdgeHost,
    name: str,
    owner: Owner,
    cursor: Cursor,
    sink: Sink,
    most_restarts: int,
    sign: Sign | None = None,
) -> AsyncGenerator[Cursor, None]:
    """Follow a job until it has ended for good; an interrupted one is started again.

    Args:
        host: The site.
        name: The job's container.
        owner: Who watches.
        cursor: Where to begin.
        sink: Takes what the job says.
        most_restarts: How often an interrupted container is started again.
        sign: Makes the job's secrets anew for that; None where only a worker can.

    Yields:
        How far it was followed.

    Raises:
        JobInterrupted: It was stopped on purpose, was interrupted too often, or is gone.
        SecretsNeeded: Only a worker can start it again.
    """
    while True:
        await in_turn(partial(first_start, host, name, owner, sign), sink)
        async with aclosing(follow(host, name, cursor, sink)) as followed:
            async for cursor in followed:
                yield cursor
        state = await existing(host, name)
        found = await phase(host, state)
        if found == "created" and lifecycle.reads_input(state):
            raise secrets_needed(state)  # the line was lost while they were delivered
        if found not in ("interrupted", "running"):
            return
        if found == "interrupted":
            await in_turn(partial(restart, host, state, owner, most_restarts, sink, sign), sink)


async def in_turn(start: Callable[[], Awaitable[None]], sink: Sink) -> None:
    """Start a job, once another one no longer has its GPU."""
    said = ""
    while True:
        try:
            await start()
            return
        except errors.SiteBusy as busy:
            if str(busy) != said:
                said = str(busy)
                sink.line(said)
        await asyncio.sleep(TURN_PAUSE_S)


async def first_start(host: EdgeHost, name: str, owner: Owner, sign: Sign | None) -> None:
    """Start a job that was created and had to wait; nothing when it was started already."""
    state = await existing(host, name)
    if state.status == "created":
        await require_turn(host, state, owner)
        await lifecycle.start(host, state, await message_for(state, sign))


async def restart(
    host: EdgeHost, state: ContainerState, owner: Owner, most_restarts: int, sink: Sink, sign: Sign | None
) -> None:
    """Start an interrupted job again."""
    await require_turn(host, state, owner)
    if said := await lifecycle.go_on(host, state, most_restarts, await message_for(state, sign)):
        sink.line(said)


async def require_turn(host: EdgeHost, state: ContainerState, owner: Owner) -> None:
    """Make sure that starting the job is for us to do.

    Raises:
        JobInterrupted: Somebody has given the job up for us; the sentence says why.
    """
    if await ownership.has_given_up(host, state.name, owner):
        raise errors.JobInterrupted(await lifecycle.stop_sentence(host, state.name))
    if not await ownership.watches(host, state.name, owner):  # a power cut has torn the record
        await ownership.claim(host, state.name, owner)


async def message_for(state: ContainerState, sign: Sign | None) -> bytes:
    """What a container is given on its standard input when it starts.

    Raises:
        SecretsNeeded: Only a worker can make it.
    """
    if not lifecycle.reads_input(state):
        return b""
    if sign is None:
        raise secrets_needed(state)
    return announced(canonical_json(dict(await sign())))


def secrets_needed(state: ContainerState) -> errors.SecretsNeeded:
    """The one sentence for a job that only a worker can start again."""
    return errors.SecretsNeeded(
        f"{state.name} was interrupted; a worker has to deliver its secrets before it can go on."
    )


async def follow(host: EdgeHost, name: str, cursor: Cursor, sink: Sink) -> AsyncGenerator[Cursor, None]:
    """Pass a job's lines on, once each, until its container has ended.

    Args:
        host: The site.
        name: The job's container.
        cursor: Where to begin.
        sink: Takes what the job says.

    Yields:
        How far it was followed: first of all when there is contact, then after each line.
    """
    state = await existing(host, name)
    cursor = cursor if cursor.container == state.id else Cursor(state.id)
    yield cursor
    if cursor.stamp:
        with suppress(Gap):
            async with aclosing(read(host, name, cursor.stamp, cursor, sink)) as reading:
                async for cursor in reading:
                    yield cursor
            await host.wait(name)
            if not await is_behind(host, name, cursor):
                return
    async with aclosing(read(host, name, "", cursor, sink)) as reading:
        async for cursor in reading:
            yield cursor
    await host.wait(name)


async def read(
    host: EdgeHost, name: str, since: str, cursor: Cursor, sink: Sink
) -> AsyncGenerator[Cursor, None]:
    """Read Docker's log once, to the end of the container, and pass on what is new.

    Args:
        host: The site.
        name: The job's container.
        since: Docker's time to begin at; empty for the log's start.
        cursor: What was seen.
        sink: Takes what the job says.

    Yields:
        How far it was followed, after each line.

    Raises:
        Gap: Output from before `since` has not been seen.
    """
    news = cursor.place is None
    async with aclosing(host.logs(name, since)) as lines:
        async for line in lines:
            frame = frames.decode(line.text)
            if since and is_gap(frame, cursor):
                raise Gap
            if news or not is_old(frame, cursor):
                cursor = pass_on(line, frame, cursor, sink)
            news = news or is_last_seen(line, frame, cursor)
            yield cursor


def is_gap(frame: Frame, cursor: Cursor) -> bool:
    """Whether output between the last line and this one is missing."""
    return isinstance(frame, frames.Line) and cursor.place is not None and frame.start > cursor.place


def is_old(frame: Frame, cursor: Cursor) -> bool:
    """Whether it is output up to the last line that was seen, by its place."""
    return isinstance(frame, frames.Line) and cursor.place is not None and frame.end <= cursor.place


def is_last_seen(line: LogLine, frame: Frame, cursor: Cursor) -> bool:
    """Whether it is the last line that was seen itself; all output behind it is new."""
    return isinstance(frame, frames.Line) and (line.time, frame.end) == (cursor.stamp, cursor.place)


async def is_behind(host: EdgeHost, name: str, cursor: Cursor) -> bool:
    """Whether the finished job has written more than was seen."""
    ending = await read_ending(host, name)
    return ending is not None and cursor.place is not None and cursor.place < ending.log_size_bytes


def pass_on(line: LogLine, frame: Frame, cursor: Cursor, sink: Sink) -> Cursor:
    """Hand a line of Docker's log on, a remark unless that was done before; gives the new cursor."""
    latest = max(cursor.latest, line.time)
    if isinstance(frame, frames.Line):
        if is_gap(frame, cursor):
            missing_bytes = frame.start - (cursor.place or 0)
            sink.line(f"[{missing_bytes} bytes of output are not shown here; the raw log has them]")
        sink.line(frame.text)
        return Cursor(cursor.container, line.time, frame.end, latest)
    if isinstance(frame, frames.Point):
        sink.point(frame)
    elif line.text != frames.RECEIVED and line.time > cursor.latest:
        sink.line(line.text)
    return replace(cursor, latest=latest)
