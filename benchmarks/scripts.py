"""What runs on the site during a measurement: the same Python text for us and for the peer."""

from __future__ import annotations

import hashlib
import re

TICK = re.compile(rb"tick (\d+\.\d{6});")
"""A line with the clock of the script, in seconds since 1970; the site is this machine, so clocks agree."""
NUMBERED = re.compile(rb"line (\d{8})\.{86}")
LINE_BYTES = 100

_SAY_TICK = 'print("tick %.6f;" % time.time(), flush=True)'


def one_tick() -> str:
    """Say the time once."""
    return f"import time; {_SAY_TICK}"


def ticks(count: int, every_s: float) -> str:
    """Say the time again and again."""
    return f"import time\nfor _ in range({count}):\n    {_SAY_TICK}\n    time.sleep({every_s})"


def flood(lines: int, lines_per_s: float) -> str:
    """Write numbered lines of 100 bytes, in portions, no faster than the rate.

    Args:
        lines: How many.
        lines_per_s: The rate; infinite for as fast as it can.
    """
    return (
        "import sys, time\n"
        "started, portion = time.monotonic(), 1000\n"
        f"for first in range(0, {lines}, portion):\n"
        '    text = "".join("line %08d%s\\n" % (n, "." * 86) for n in range(first, first + portion))\n'
        "    sys.stdout.write(text)\n"
        "    sys.stdout.flush()\n"
        f"    time.sleep(max(0, started + (first + portion) / float('{lines_per_s}') - time.monotonic()))"
    )


def flood_sha256(lines: int) -> str:
    """What the output of a flood must be."""
    digest = hashlib.sha256()
    for number in range(lines):
        digest.update(b"line %08d%s\n" % (number, b"." * 86))
    return digest.hexdigest()
