"""The first lines that run in a container: find the work in the job's volume, check it, start it.

This file travels as text (`python3 -c`), so it uses the standard library only and works in any image that has
Python. The work lies in a file that the job may read and not write, so that a restarted container finds it
again; it is unpacked into a memory file system. Secrets arrive on standard input and never touch the site's
disk, the container's arguments or its environment.
"""

import hashlib
import io
import json
import os
import runpy
import signal
import sys
import tarfile
from pathlib import Path
from typing import Any, BinaryIO

DELIVERY_LIMIT_S = 120
EXIT_NOT_DELIVERED = 75
CODE_DIR = "/edge/code"
PAYLOAD_FILE = "/edge/job/payload"
SECRETS_NAME = "secrets.json"
RECEIVED = "received"


def receive(source: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """Read a header line and the bytes it announces; exit 75 unless exactly those are there.

    Returns:
        The header and the bytes.
    """
    try:
        header = json.loads(source.readline())
        length, sha256 = header["length"], header["sha256"]
    except (ValueError, KeyError, TypeError):
        sys.exit(EXIT_NOT_DELIVERED)
    content = source.read(length)
    if hashlib.sha256(content).hexdigest() != sha256:
        sys.exit(EXIT_NOT_DELIVERED)
    return header, content


def receive_secrets() -> bytes:
    """The secrets from standard input, within a time limit; then nobody waits for a terminal any more."""
    signal.signal(signal.SIGALRM, lambda *_: sys.exit(EXIT_NOT_DELIVERED))
    signal.alarm(DELIVERY_LIMIT_S)
    _, secrets = receive(sys.stdin.buffer)
    signal.alarm(0)
    print(RECEIVED, flush=True)
    return secrets


def close_stdin() -> None:
    """What the step starts later must not wait for a terminal that never comes."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


if __name__ == "__main__":
    if not Path(PAYLOAD_FILE).is_file():
        sys.exit(EXIT_NOT_DELIVERED)
    with Path(PAYLOAD_FILE).open("rb") as file:
        announced, work = receive(file)
    secrets = receive_secrets() if announced.get("secrets") else b"{}"
    with tarfile.open(fileobj=io.BytesIO(work)) as archive:
        archive.extractall(CODE_DIR)
    Path(CODE_DIR, SECRETS_NAME).write_bytes(secrets)
    close_stdin()
    sys.path.insert(0, CODE_DIR)
    sys.dont_write_bytecode = True
    runpy.run_module("edge_runner", run_name="__main__", alter_sys=True)
