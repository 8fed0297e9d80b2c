"""One line each second about work on many blobs: how many, how much, how fast, how long still."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Lock

from edge_runner.ticking import ticking

INTERVAL_S = 1.0


@dataclass
class Progress:
    """What has been done of some work; told by several threads.

    Attributes:
        verb: What is done to the blobs, such as `downloaded`.
        blobs: How many there are.
        size_bytes: All of them together.
        now_s: Where time comes from.
    """

    verb: str
    blobs: int
    size_bytes: int
    now_s: Callable[[], float] = time.monotonic
    done_blobs: int = field(default=0, init=False)
    done_bytes: int = field(default=0, init=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)
    _started_s: float = field(default=0.0, init=False, repr=False)

    def __post_init__(self) -> None:
        """The clock runs from here."""
        self._started_s = self.now_s()

    def add_bytes(self, count: int) -> None:
        """So many more bytes are done."""
        with self._lock:
            self.done_bytes += count

    def add_blob(self) -> None:
        """One more blob is done."""
        with self._lock:
            self.done_blobs += 1

    def line(self) -> str:
        """Where the work is."""
        elapsed_s = self.now_s() - self._started_s
        rate = self.done_bytes / max(elapsed_s, 1e-3)
        left_s = (self.size_bytes - self.done_bytes) / rate if rate else None
        left = "" if left_s is None or self.done_bytes >= self.size_bytes else f", {left_s:.0f} s left"
        return (
            f"{self.verb} {self.done_blobs} of {self.blobs} blobs, {self.done_bytes / 1e6:.1f} of "
            f"{self.size_bytes / 1e6:.1f} MB, {rate / 1e6:.1f} MB/s{left}"
        )


def shown(progress: Progress) -> AbstractContextManager[None]:
    """Print the line each second while a block runs, and once at its end."""
    return ticking(lambda: print(progress.line(), flush=True), INTERVAL_S, "progress")
