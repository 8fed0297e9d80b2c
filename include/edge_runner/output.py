"""A step's output on its way out: every byte into the raw log, and to Docker's log as much as its readers
can take.

Airflow's task log takes a few hundred kilobytes a second from a trigger; a script that writes faster must
neither be slowed down nor drown it. So lines are shown at a bounded rate, with a burst. What goes beyond is
counted and said, and the last lines are always shown. While lines are held back none of them is looked at, so
a loud script costs little more than the writing of its raw log.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO

from edge_runner.frames import Line

LAST_LINES = 50
LONGEST_LINE_BYTES = 2**20
"""A longer line is shown in pieces."""
LINE_COST_BYTES = 100
"""What a short line counts as: its readers pay for each line, however short."""


@dataclass(frozen=True)
class Rate:
    """How much is shown.

    Attributes:
        bytes_per_s: In the long run.
        burst_bytes: At once, after a quiet time.
    """

    bytes_per_s: float = 200_000
    burst_bytes: float = 2_000_000


class Output:
    """Takes a step's output in chunks; keeps the raw bytes and shows lines.

    A full disk must not silence the step: its output is shown on, and what the raw log lacks is said. In the
    raw log a hole stands for it, so that every later byte lies where its frame says.

    Args:
        raw: Where the bytes are kept, unbuffered, opened to append.
        show: Takes the encoded frame of one line.
        rate: How much is shown.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        raw: FileIO,
        show: Callable[[str], object],
        rate: Rate,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._raw = raw
        self._show = show
        self._rate = rate
        self._clock = clock
        self._taken = self._shown = raw.tell()
        self._unfinished = bytearray()
        self._allowance, self._filled_at = rate.burst_bytes, clock()
        self._last: deque[bytes] = deque(maxlen=LAST_LINES)
        self._held_lines = self._held_bytes = 0
        self._has_hole = False

    def add(self, chunk: bytes) -> None:
        """Take what the step wrote."""
        self._keep(chunk)
        lines = self._whole_lines(chunk)
        if self._held_lines:
            self._hold(lines)
            self.rest()
        else:
            self._hold(lines[self._show_what_fits(lines) :])

    def say(self, sentence: str) -> None:
        """Add a line of the runner's own, behind what the step left unfinished."""
        self.add(b"\n" * bool(self._unfinished) + sentence.encode() + b"\n")

    def rest(self) -> None:
        """Show what was held back, once there is room for it again; called when the step is quiet."""
        enough = min(self._rate.bytes_per_s, self._rate.burst_bytes)
        if self._held_lines and self._room() >= enough:
            self._show_held()

    def close(self) -> None:
        """Show the end, whatever the rate: the last lines of those held back, the unfinished one included."""
        if self._unfinished:
            self._hold([bytes(self._unfinished)])
            self._unfinished.clear()
        self._show_held()

    def _keep(self, chunk: bytes) -> None:
        self._taken += len(chunk)
        left = memoryview(chunk)
        try:
            while left:
                left = left[self._raw.write(left) :]
        except OSError as error:
            with suppress(OSError):  # a disk that does not even take a longer size keeps a shorter log
                self._raw.truncate(self._taken)
            if not self._has_hole:
                self._show(f"[from here on the raw log on the site has gaps: {error.strerror}]")
            self._has_hole = True

    def _whole_lines(self, chunk: bytes) -> list[bytes]:
        """The lines that this chunk ends; each byte is looked at once, however small the chunks are."""
        may_end_one = b"\n" in chunk or b"\r" in chunk or self._unfinished.endswith(b"\r")
        self._unfinished += chunk
        lines: list[bytes] = []
        if may_end_one:
            *lines, unfinished = split(bytes(self._unfinished))
            self._unfinished = bytearray(unfinished)
        while len(self._unfinished) > LONGEST_LINE_BYTES:
            place = place_to_cut(self._unfinished)
            lines.append(bytes(self._unfinished[:place]))
            del self._unfinished[:place]
        return lines

    def _show_what_fits(self, lines: Sequence[bytes]) -> int:
        """Show lines while there is room; gives their number."""
        for number, line in enumerate(lines):
            if self._room() < cost(line):
                return number
            self._show_line(line)
        return len(lines)

    def _hold(self, lines: Sequence[bytes]) -> None:
        self._last.extend(lines)
        self._held_lines += len(lines)
        self._held_bytes += sum(map(len, lines))

    def _show_held(self) -> None:
        """Say how much is not shown, then show the last lines."""
        if hidden := self._held_lines - len(self._last):
            hidden_bytes = self._held_bytes - sum(map(len, self._last))
            notice = (
                f"[{hidden} lines, {hidden_bytes} bytes are not shown: they came faster than "
                f"{self._rate.bytes_per_s / 1000:g} kB/s; the raw log on the site has them]"
            )
            start, self._shown = self._shown, self._shown + hidden_bytes
            self._show(Line(start, self._shown, notice, skipped=True).encoded())
        for line in self._last:
            self._show_line(line)
        self._last.clear()
        self._held_lines = self._held_bytes = 0

    def _show_line(self, line: bytes) -> None:
        start, self._shown = self._shown, self._shown + len(line)
        self._allowance -= cost(line)
        self._show(Line(start, self._shown, readable(line)).encoded())

    def _room(self) -> float:
        """How many bytes may be shown now."""
        now = self._clock()
        earned = (now - self._filled_at) * self._rate.bytes_per_s
        self._allowance, self._filled_at = min(self._rate.burst_bytes, self._allowance + earned), now
        return self._allowance


def split(text: bytes) -> list[bytes]:
    """Lines with their breaks (LF, CR LF or CR), and last what may still go on: a CR at the very end may be
    half of a CR LF.
    """
    lines = text.splitlines(keepends=True)
    return lines if lines and not lines[-1].endswith(b"\n") else [*lines, b""]


def place_to_cut(text: bytearray) -> int:
    """Where a line that is too long is cut: not within a character of UTF-8, if it is that."""
    places = range(LONGEST_LINE_BYTES, LONGEST_LINE_BYTES - 4, -1)
    return next((place for place in places if text[place] & 0xC0 != 0x80), LONGEST_LINE_BYTES)


def cost(line: bytes) -> int:
    """How many bytes of the rate a line takes."""
    return max(len(line), LINE_COST_BYTES)


def readable(line: bytes) -> str:
    """A raw line as it is shown."""
    return line.rstrip(b"\r\n").decode(errors="backslashreplace")
