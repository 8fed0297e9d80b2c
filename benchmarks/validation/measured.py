"""Times one validation and says what became of it; standard library only."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.measured import tell


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
    tell(time.perf_counter() - began_at, broken=sorted(broken))
