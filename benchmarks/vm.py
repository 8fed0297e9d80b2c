"""The way into the VM for both sides: the site's own sshd once more, on a port of the benchmark's.

The VM is this machine, and a peer's commands run in its user's login shell. bash would read the user's
.bashrc for each of them, which takes a third of a second where pyenv or conda stand in it, and a VM's would
not have them.
"""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_site.errors import StartFailed
from local_site.health import LOOPBACK, greets
from local_site.packages import program

START_LIMIT_S = 10
STOP_LIMIT_S = 10
LOOK_EVERY_S = 0.05
NO_START_FILES = "SetEnv SHLVL=1"
"""bash takes a shell that sshd has started for one that has to read .bashrc only on the first level."""


@contextmanager
def lean_sshd(config: Path, scratch: Path) -> Iterator[int]:
    """Run sshd with a configuration, but for the port and the shell's start-up files; gives the port."""
    port = free_port()
    text = re.sub(r"(?m)^ListenAddress .*$", f"ListenAddress {LOOPBACK}:{port}", config.read_text())
    own_config, log = scratch / "sshd_config", scratch / "sshd.log"
    own_config.write_text(f"{text}{NO_START_FILES}\n")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program("sshd"), "-D", "-e", "-f", str(own_config)], stdin=subprocess.DEVNULL, stderr=output
        )
    try:
        await_greeting(port, log)
        yield port
    finally:
        process.terminate()
        process.wait(STOP_LIMIT_S)


def await_greeting(port: int, log: Path) -> None:
    """Wait until sshd answers.

    Raises:
        StartFailed: It does not.
    """
    healthy, deadline = greets(port, b"SSH-2.0"), time.monotonic() + START_LIMIT_S
    while not healthy():
        if time.monotonic() > deadline:
            raise StartFailed(f"The benchmark's sshd does not answer on port {port}: {log.read_text()}")
        time.sleep(LOOK_EVERY_S)


def free_port() -> int:
    """A port that nobody uses."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
