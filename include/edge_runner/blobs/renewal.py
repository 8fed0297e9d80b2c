"""Takes a new signature for a step that runs: started beside it in its container by whoever watches the job.

`python3 -B -m edge_runner.blobs.renewal`, in the directory of the step's code. The signature arrives on
standard input, announced like the secrets at the start, and lies in memory only. One that does not arrive
whole changes nothing; of several, the last one counts.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from edge_runner.bootstrap import DELIVERY_LIMIT_S, RECEIVED, receive
from edge_runner.protocol import RENEWED_NAME, Dirs


def place(content: bytes, folder: Path) -> None:
    """Put the signature where the step finds it, all of it or nothing."""
    partial = folder / f".{RENEWED_NAME}.{os.getpid()}"  # others may deliver at the same time
    partial.write_bytes(content)
    partial.replace(folder / RENEWED_NAME)


if __name__ == "__main__":
    signal.alarm(DELIVERY_LIMIT_S)
    place(receive(sys.stdin.buffer)[1], Dirs().code)
    print(RECEIVED, flush=True)
