"""The metrics file: JSON lines `{"step", "name", "value"}`, appended by a script, read by us; lines with a
`slice` are `slices.py`'s.

A script may do with its file what it likes, remove it or put a pipe in its place; that never holds us up.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
from pathlib import Path
from typing import Any, BinaryIO

METRIC_NAME = re.compile(r"[A-Za-z0-9_./ -]{1,100}")
"""Names that may leave the site; anything else could be a place to hide data."""
SLICE_KEY = "slice"
"""What a line has that is one group's."""
MOST_BYTES_AT_ONCE = 2**20
STEPS = range(-(2**63), 2**63)
"""What a model registry takes as a step."""


def read_points(path: Path) -> list[dict[str, Any]]:
    """All points, in the order of their steps; a step written again by a resumed training counts once, with
    its last value.
    """
    file = opened(path)
    if file is None:
        return []
    with file:
        found = points_of(file.read())
    points = {(step, name): value for step, name, value in found}
    return [{"step": step, "name": name, "value": value} for (step, name), value in sorted(points.items())]


def last_values(path: Path) -> dict[str, float]:
    """The last value of each metric."""
    return {point["name"]: point["value"] for point in read_points(path)}


def finish_last_line(path: Path) -> None:
    """End the line that an interrupted script was writing, so that the next one is not lost with it."""
    if file := opened(path):
        with file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 1))
            is_torn = file.read() not in (b"", b"\n")
        if is_torn:
            with path.open("ab") as end:
                end.write(b"\n")


def opened(path: Path) -> BinaryIO | None:
    """The file, to be read; None when it is not there or is no plain file: to open a pipe could take for
    ever.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    return None


def points_of(text: bytes) -> list[tuple[int, str, float]]:
    """Step, name and value of each line that has them."""
    return [point for line in text.split(b"\n") if (point := parse_point(line))]


def parse_point(line: bytes) -> tuple[int, str, float] | None:
    """Step, name and value of a line; None for torn or foreign lines and values that are not finite: a broken
    metric never fails a training. None, too, for a line of a slice: a group's metric is not that of all.
    """
    try:
        point = json.loads(line.decode(errors="replace"))
        step, name, value = int(point["step"]), str(point["name"]), float(point["value"])
        if SLICE_KEY in point:
            return None
    except (ValueError, OverflowError, KeyError, TypeError, RecursionError):
        return None
    return (step, name, value) if math.isfinite(value) and step in STEPS else None


class NewPoints:
    """Reads the points that are appended to a metrics file from now on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._place = path.stat().st_size if path.is_file() else 0
        self._inode = path.stat().st_ino if path.is_file() else 0

    def take(self) -> list[tuple[int, str, float]]:
        """Step, name and value of the points whose lines have been finished since the last call; of a flood
        only the last ones.
        """
        file = opened(self._path)
        if file is None:
            return []
        with file:
            return points_of(self._new_lines(file))

    def _new_lines(self, file: BinaryIO) -> bytes:
        """Whole lines behind the last place, and move it; a file that is another one is read anew."""
        found = os.fstat(file.fileno())
        if found.st_ino != self._inode or found.st_size < self._place:
            self._place, self._inode = 0, found.st_ino
        start = max(self._place, found.st_size - MOST_BYTES_AT_ONCE)
        is_amid_a_line = start > self._place
        file.seek(start)
        lines, line_break, _ = file.read(found.st_size - start).rpartition(b"\n")
        self._place = start + len(lines) + len(line_break)
        return lines.partition(b"\n")[2] if is_amid_a_line else lines
