"""The first lines that run in a container: receive the work on standard input, check it, start it.

This file travels as text (`python3 -c`), so it uses the standard library only and works in any image that has
Python. The work is unpacked into a memory file system: neither code nor secrets ever touch the site's disk,
the container's arguments or its environment.
"""

import hashlib
import io
import json
import os
import runpy
import signal
import sys
import tarfile

DELIVERY_LIMIT_S = 120
EXIT_NOT_DELIVERED = 75
CODE_DIR = "/edge/code"


def receive() -> bytes:
    """Read the header line and the bytes it announces; exit 75 unless exactly those arrived."""
    signal.signal(signal.SIGALRM, lambda *_: sys.exit(EXIT_NOT_DELIVERED))
    signal.alarm(DELIVERY_LIMIT_S)
    try:
        header = json.loads(sys.stdin.buffer.readline())
        length, sha256 = header["length"], header["sha256"]
    except (ValueError, KeyError, TypeError):
        sys.exit(EXIT_NOT_DELIVERED)
    payload = sys.stdin.buffer.read(length)
    if hashlib.sha256(payload).hexdigest() != sha256:
        sys.exit(EXIT_NOT_DELIVERED)
    signal.alarm(0)
    return payload


def close_stdin() -> None:
    """What the step starts later must not wait for a terminal that never comes."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


if __name__ == "__main__":
    with tarfile.open(fileobj=io.BytesIO(receive())) as archive:
        archive.extractall(CODE_DIR)
    close_stdin()
    print("The work has arrived.", flush=True)
    sys.path.insert(0, CODE_DIR)
    sys.dont_write_bytecode = True
    runpy.run_module("edge_runner", run_name="__main__", alter_sys=True)
