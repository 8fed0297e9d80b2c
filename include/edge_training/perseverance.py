"""Going on through lost connections: the work is begun again, with growing pauses, until the site has been
out of reach for too long.

A site that has let us in and refuses us now is waited for likewise: somebody changes its keys, and the job
runs on meanwhile. One that has never let us in is not.

A site that answers, and whose Docker fails at what it is asked, may need a moment to come up. It gets a few
minutes and not the hours that a lost line gets: there is somebody who can be told what is wrong.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from edge_training.errors import EdgeError, SiteFailing, SiteRefused, SiteUnreachable

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 4.0
"""With the time that an attempt takes, a site that is back is found within 10 s."""
FAILING_LIMIT_S = 180.0
"""For how long a Docker that fails is asked again."""

T = TypeVar("T")


class Perseverance:
    """How long a site may be out of reach, and since when it is.

    Args:
        limit_s: How long it may be.
        say: Takes one sentence when contact is lost, and one when it is back.
        known: Whether the site has let us in before.
    """

    def __init__(self, limit_s: float, say: Callable[[str], object], *, known: bool = False) -> None:
        self._limit_s = limit_s
        self._say = say
        self._last_contact = time.monotonic()
        self._in_contact = False
        self._known = known
        self._trouble: type[EdgeError] | None = None
        self._failing_since: float | None = None

    def in_contact(self) -> None:
        """Note a sign of life; until the connection is lost, silence counts as contact too."""
        if self._trouble:
            self._say(f"The site answers again after {time.monotonic() - self._last_contact:.0f} s.")
        self._in_contact, self._known, self._trouble = True, True, None

    async def through(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do the work, again after each loss of the connection.

        Args:
            work: Safe to repeat; calls `in_contact` once it has a connection, and at every sign of life.

        Raises:
            SiteUnreachable: The site was out of reach for longer than the limit.
            SiteRefused: It refuses us from the first, or has done so for longer than the limit.
        """
        self._last_contact, self._failing_since = time.monotonic(), None
        pause_s = FIRST_PAUSE_S
        while True:
            began = time.monotonic()
            try:
                return await work()
            except SiteFailing as error:
                self._bear(error, began)
            except SiteUnreachable as error:
                self._failing_since = None
                if self._in_contact:
                    self._last_contact, self._in_contact = time.monotonic(), False
                    pause_s = FIRST_PAUSE_S
                self._complain(error)
            except SiteRefused as error:
                if self._in_contact or not self._known:
                    raise
                self._complain(error)
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def _bear(self, error: SiteFailing, began: float) -> None:
        """Say once that Docker fails; raise when it has done so at each attempt for too long.

        An attempt that took longer than that has come somewhere before it failed.
        """
        now = time.monotonic()
        if self._failing_since is None or now - began > FAILING_LIMIT_S:
            self._failing_since = now
            self._say(f"{error} It is tried again for up to {FAILING_LIMIT_S:g} s.")
        elif now - self._failing_since > FAILING_LIMIT_S:
            raise error

    def _complain(self, error: SiteUnreachable | SiteRefused) -> None:
        """Say once how contact is lost; raise when that has lasted too long."""
        if time.monotonic() - self._last_contact > self._limit_s:
            raise type(error)(f"{error} It was out of reach for more than {self._limit_s:g} s.") from None
        if self._trouble is not type(error):
            self._say(f"{error} It is tried again for up to {self._limit_s:g} s.")
            self._trouble = type(error)
