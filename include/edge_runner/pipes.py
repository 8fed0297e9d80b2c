"""Reading the pipe that a child process writes its output to."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator

CHUNK_BYTES = 2**16
PIPE_BYTES = 2**16
"""What fits into a pipe."""
FEW_BYTES = 2**12
GATHER_S = 0.0005
"""After few bytes more are waited for: a script may write each line for itself, a million a second."""


def read_within(pipe: int, wait_s: float) -> bytes | None:
    """What stands in a pipe: nothing (`b""`) when it is closed at its other end, None when it is still empty
    after that time.
    """
    if not select.select([pipe], [], [], wait_s)[0]:
        return None
    chunk = os.read(pipe, CHUNK_BYTES)
    if 0 < len(chunk) < FEW_BYTES:
        time.sleep(GATHER_S)
    return chunk


def left_in(pipe: int) -> Iterator[bytes]:
    """What a process that has ended has left in its pipe.

    A process that it has started may hold the pipe and write to it for ever; that is not waited for.
    """
    read_bytes = 0
    while read_bytes < PIPE_BYTES and (chunk := read_within(pipe, 0)):
        yield chunk
        read_bytes += len(chunk)
