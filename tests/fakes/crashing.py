"""A worker that dies between two calls, whatever it calls."""

from __future__ import annotations


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
