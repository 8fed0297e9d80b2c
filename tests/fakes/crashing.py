"""A worker that dies between two calls, whatever it calls, or to whom another one comes in between."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import isawaitable


class Crash(Exception):
    """The worker is gone."""


class Crashing:
    """A worker's view of a fake that ends with the worker, before call number `calls` + 1.

    Attributes:
        calls_left: How many calls still get through.
    """

    def __init__(self, fake: object, calls: int) -> None:
        self._fake = fake
        self.calls_left = calls

    def __getattr__(self, name: str):
        method = getattr(self._fake, name)

        def counted(*args: object, **kwargs: object):
            if self.calls_left == 0:
                raise Crash
            self.calls_left -= 1
            return method(*args, **kwargs)

        return counted


class Interrupted:
    """A worker's view of a fake to which somebody else does something before call number `calls` + 1.

    Attributes:
        calls_left: How many calls still get through before.
    """

    def __init__(self, fake: object, calls: int, action: Callable[[], object]) -> None:
        self._fake, self._action = fake, action
        self.calls_left = calls

    def __getattr__(self, name: str):
        method = getattr(self._fake, name)

        def counted(*args: object, **kwargs: object):
            self.calls_left -= 1
            done = self._action() if self.calls_left == -1 else None
            if isawaitable(done):
                return after(done, lambda: method(*args, **kwargs))
            return method(*args, **kwargs)

        return counted


async def after(other: Awaitable[object], call: Callable[[], Awaitable[object]]) -> object:
    """Make a call once something else is done."""
    await other
    return await call()
