"""When something arrived in a log file, as somebody sees it who looks at the file all the time."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

LOOK_EVERY_S = 0.002
LONGEST_MATCH_BYTES = 256


class Silence(TimeoutError):
    """What had to come did not."""


@dataclass(frozen=True)
class Arrival:
    """One match of the pattern.

    Attributes:
        seen_at: When it was seen, in seconds since 1970.
        said: What the pattern's group held.
    """

    seen_at: float
    said: bytes


@dataclass
class Tail:
    """Follows one file, which need not be there yet.

    Attributes:
        path: The file.
        pattern: What is looked for: one group, and an end that cannot be cut off unnoticed.
        arrivals: All that was seen.
    """

    path: Path
    pattern: re.Pattern[bytes]
    arrivals: list[Arrival] = field(default_factory=list)
    _offset: int = 0
    _rest: bytes = b""

    def look(self) -> list[Arrival]:
        """What has arrived since the last look."""
        content = self._rest + self._read_on()
        now, end, found = time.time(), 0, []
        for match in self.pattern.finditer(content):
            found.append(Arrival(now, match[1]))
            end = match.end()
        self._rest = content[max(end, len(content) - LONGEST_MATCH_BYTES) :]
        self.arrivals += found
        return found

    def wait(self, enough: Callable[[Arrival], bool], limit_s: float) -> Arrival | None:
        """The first arrival that is enough; None when the time is over."""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            for arrival in self.look():
                if enough(arrival):
                    return arrival
            time.sleep(LOOK_EVERY_S)
        return None

    def first(self, limit_s: float) -> Arrival:
        """The first arrival from now on.

        Raises:
            Silence: There is none in time.
        """
        found = self.wait(anything, limit_s)
        if found is None:
            raise Silence(f"Nothing came into {self.path.name} in {limit_s:g} s; is the machine overloaded?")
        return found

    def _read_on(self) -> bytes:
        if not self.path.exists():
            return b""
        with self.path.open("rb") as file:
            file.seek(self._offset)
            content = file.read()
        self._offset += len(content)
        return content


def anything(_: Arrival) -> bool:
    """The first arrival is enough."""
    return True
