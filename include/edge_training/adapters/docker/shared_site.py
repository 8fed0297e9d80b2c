"""One connection per site, event loop and process, shared by all jobs that are watched there.

Who comes first connects; whoever comes meanwhile waits for that attempt and shares its end, so that 200 jobs
make one attempt after an outage and not 200. A broken connection is replaced by the next to come; those who
still hold it learn of the break from their own calls. The last to leave closes it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from edge_training.adapters.docker.site_link import SiteLink, open_link
from edge_training.adapters.ssh.target import SshTarget
from edge_training.errors import EdgeError

FAILURE_COUNTS_S = 1.0
"""How long a failed attempt speaks for those who come after it."""


class Link(Protocol):
    """What is shared."""

    def is_broken(self) -> bool:
        """Whether it can carry nothing any more."""

    async def close(self) -> None:
        """Let go of everything, broken or not."""


LinkT = TypeVar("LinkT", bound=Link)


@dataclass(eq=False)
class Held(Generic[LinkT]):
    """A link and how many use it."""

    link: LinkT
    users: int = 0


class Door(Generic[LinkT]):
    """Lets everybody through on one link; belongs to one event loop.

    Args:
        opened: Makes a link; its `EdgeError` is shared as well.
        clock: Monotonic seconds.
    """

    def __init__(self, opened: Callable[[], Awaitable[LinkT]], clock: Callable[[], float]) -> None:
        self._opened = opened
        self._clock = clock
        self._lock = asyncio.Lock()
        self._held: Held[LinkT] | None = None
        self._failure: EdgeError | None = None
        self._failed_at_s = 0.0
        self._comers = 0

    def is_idle(self) -> bool:
        """Whether nobody uses it, waits for it, or should hear of its last failure."""
        return self._comers == 0 and not self._failed_just_now()

    @asynccontextmanager
    async def entered(self) -> AsyncIterator[LinkT]:
        """The link, for the length of a `with`.

        Raises:
            EdgeError: What the attempt to open it ended with, one's own or somebody else's.
        """
        self._comers += 1
        held: Held[LinkT] | None = None
        try:
            held = await self._join()
            yield held.link
        finally:
            self._comers -= 1
            await self._leave(held)

    async def _join(self) -> Held[LinkT]:
        async with self._lock:
            if self._held is not None and self._held.link.is_broken():
                broken, self._held = self._held, None
                await close_unused(broken)
            if self._held is None:
                self._held = Held(await self._new_link())
            self._held.users += 1
            return self._held

    async def _leave(self, held: Held[LinkT] | None) -> None:
        if held is not None:
            held.users -= 1
            if held is not self._held:
                await close_unused(held)
        # While others wait for their turn the link stays, although nobody uses it just now.
        if self._comers == 0 and self._held is not None:
            last, self._held = self._held, None
            await close_unused(last)

    async def _new_link(self) -> LinkT:
        if self._failure is not None and self._failed_just_now():
            # A copy: one exception raised by 200 tasks would collect 200 tracebacks.
            raise type(self._failure)(str(self._failure), self._failure.details)
        try:
            return await self._opened()
        except EdgeError as error:
            self._failure, self._failed_at_s = error, self._clock()
            raise

    def _failed_just_now(self) -> bool:
        return self._failure is not None and self._clock() - self._failed_at_s < FAILURE_COUNTS_S


async def close_unused(held: Held[LinkT]) -> None:
    """Close a link that nobody can come to any more, once its last user has left."""
    if held.users == 0:
        await held.link.close()


DOORS: dict[tuple[asyncio.AbstractEventLoop, SshTarget], Door[SiteLink]] = {}
"""Where everybody comes in: by event loop and site."""
# A forked child has neither the loops nor, rightly, the connections of its parent.
os.register_at_fork(after_in_child=DOORS.clear)


@asynccontextmanager
async def joined(target: SshTarget) -> AsyncIterator[SiteLink]:
    """The site's link, shared with all who ask for an equal target in this event loop.

    Raises:
        SiteUnreachable: The VM or its Docker daemon does not answer.
        SiteRefused: The VM refuses us, or is not the one whose host key was pinned.
    """
    loop = asyncio.get_running_loop()
    sweep()
    door = DOORS.setdefault((loop, target), Door(lambda: open_link(target), loop.time))
    try:
        async with door.entered() as link:
            yield link
    finally:
        sweep()


def sweep() -> None:
    """Forget this loop's idle doors, and those of loops that have ended."""
    running = asyncio.get_running_loop()
    for key, door in list(DOORS.items()):
        loop, _ = key
        if loop.is_closed() or (loop is running and door.is_idle()):
            DOORS.pop(key, None)
