"""What the kernel keeps back of a file, and how to have it on the disk."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

SYNC_FILE_RANGE_WRITE = 2

_libc = ctypes.CDLL(None, use_errno=True)


def begin_writing_back(descriptor: int, offset: int, length: int) -> None:
    """Have a part of a file written to the disk from now on, without waiting for it.

    Left alone, the kernel begins half a minute later, and whoever waits for the disk at the end waits for all
    of it (`man 2 sync_file_range`). A file system that cannot do this loses nothing but time.
    """
    _libc.sync_file_range(descriptor, ctypes.c_int64(offset), ctypes.c_int64(length), SYNC_FILE_RANGE_WRITE)


def wait_until_written(folder: Path) -> None:
    """Wait until everything on a folder's file system is on the disk (`man 2 syncfs`).

    Raises:
        OSError: The disk did not take it.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if _libc.syncfs(descriptor) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(descriptor)
