"""Checkpoints: directories in `EDGE_CHECKPOINT_DIR` that count once they have been renamed into place.

A script writes `step-7.partial/` and renames it to `step-7/`. So a checkpoint is whole or it is not there.
What was being written when the VM went down is removed before the script starts again. Of the directories
that are called alike but for a number at the end, the two with the highest numbers are kept: numbers, because
a VM's clock may be set back. Everything else, plain files and links included, is the script's own business.
"""

from __future__ import annotations

import re
import shutil
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

KEPT = 2
TORN_SUFFIXES = (".partial", ".tmp")
_NUMBERED = re.compile(r"(.*?)([0-9]{1,18})", re.DOTALL)


def is_torn(path: Path) -> bool:
    """Whether the name says that it is still being written: hidden, `.partial` or `.tmp`."""
    return path.name.startswith(".") or path.suffix in TORN_SUFFIXES


def remove_torn(directory: Path) -> None:
    """Remove what an interrupted script was writing."""
    for path in filter(is_torn, list(directory.iterdir())):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def keep_newest(directory: Path) -> None:
    """Remove whole checkpoints but the last two of each series.

    Their script may change the directory meanwhile; what cannot be removed stays.
    """
    with suppress(OSError):
        for series in numbered(directory).values():
            for number in sorted(series)[:-KEPT]:
                remove(series[number])


def numbered(directory: Path) -> dict[str, dict[int, Path]]:
    """Whole checkpoints by the name of their series and their number in it."""
    found: dict[str, dict[int, Path]] = defaultdict(dict)
    for path in directory.iterdir():
        name = _NUMBERED.fullmatch(path.name)
        if name and not is_torn(path) and path.is_dir() and not path.is_symlink():
            found[name[1]][int(name[2])] = path
    return found


def remove(checkpoint: Path) -> None:
    """Remove a checkpoint; whatever interrupts this leaves it torn, never half of one that looks whole."""
    torn = checkpoint.with_name(f".{checkpoint.name}{TORN_SUFFIXES[0]}")
    checkpoint.rename(torn)
    shutil.rmtree(torn, ignore_errors=True)
