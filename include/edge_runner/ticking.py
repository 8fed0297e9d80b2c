"""Something done again and again beside other work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread


@contextmanager
def ticking(action: Callable[[], object], interval_s: float, name: str) -> Iterator[None]:
    """Do something at each interval while a block runs, and once at its end.

    Args:
        action: What is done, in a thread of its own; the last time in the caller's.
        interval_s: Seconds between two times.
        name: Of the thread.
    """
    ended = Event()

    def tick() -> None:
        while not ended.wait(interval_s):
            action()

    thread = Thread(target=tick, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        action()
