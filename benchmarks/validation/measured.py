"""Times one validation and says what became of it; standard library only."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

RESULT_MARK = "result: "
"""Before the line that counts: what is measured may print, too."""


def main(validate: Callable[[Path, int], Sequence[str]]) -> None:
    """Validate the data of the command line and print one JSON object.

    The time is that of the validation with its reading, without the start of Python and the imports, which a
    program needs once. The memory is the most that the process ever had, with them.

    Args:
        validate: Takes the directory and how many rows it has to have; gives the names of broken checks.
    """
    folder, rows = Path(sys.argv[1]), int(sys.argv[2])
    began_at = time.perf_counter()
    broken = validate(folder, rows)
    seconds = time.perf_counter() - began_at
    print(
        RESULT_MARK + json.dumps({"seconds": seconds, "peak_bytes": peak_bytes(), "broken": sorted(broken)})
    )


def peak_bytes() -> int:
    """The most memory that this process had resident at a time; it starts no other."""
    status = Path("/proc/self/status").read_text()
    (kibibytes,) = re.findall(r"VmHWM:\s*(\d+) kB", status)
    return int(kibibytes) * 1024
