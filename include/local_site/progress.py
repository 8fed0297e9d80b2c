"""Short lines on the terminal that say what is done and how long it took."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from rich.console import Console


@dataclass
class Progress:
    """Prints one line for each finished step, and remembers the seconds.

    Attributes:
        console: Where lines go.
        seconds: Seconds of each finished step.
    """

    console: Console = field(default_factory=lambda: Console(highlight=False))
    seconds: dict[str, float] = field(default_factory=dict)
    _started: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def done(self, name: str, seconds: float) -> None:
        """Say that a step is done."""
        with self._lock:
            self.seconds[name] = round(seconds, 2)
            elapsed = time.monotonic() - self._started
            self.console.print(f"[green]✓[/] {name:<44} {seconds:6.1f} s   [dim]at {elapsed:5.1f} s[/]")

    def failed(self, name: str) -> None:
        """Say that a step has failed; the reason follows when the steps beside it have ended."""
        with self._lock:
            self.console.print(f"[red]✗[/] {name}")
