"""Processes of the site: started once, found again by pid and start time, ended without touching any other.

A pid alone may belong to a stranger by now; together with the start time it names one process for ever.
"""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from local_site.errors import PortTaken, StartFailed
from local_site.files import read_json, write_json
from local_site.layout import Layout

POLL_S = 0.1
# The kernel counts from boot, and the time of boot moves when the clock is set.
START_TIME_TOLERANCE_S = 2.0


@dataclass(frozen=True)
class ProcessSpec:
    """One long-running process.

    Attributes:
        name: Name of its log and of its record.
        command: Program and arguments; never a secret.
        healthy: Tells whether it does its work; must not block for long.
        environment: Its whole environment; None for ours.
        ports: Loopback ports it will listen on.
        configuration: Files it reads at its start; it is started anew when they have changed.
        start_limit_s: How long it may take to become healthy.
        stop_limit_s: How long it may take to end before it is killed.
        directory: Working directory.
    """

    name: str
    command: Sequence[str]
    healthy: Callable[[], bool]
    environment: Mapping[str, str] | None = None
    ports: tuple[int, ...] = ()
    configuration: tuple[Path, ...] = ()
    start_limit_s: float = 30
    stop_limit_s: float = 15
    directory: Path | None = None

    def fingerprint(self) -> dict[str, Any]:
        """What a running process must have been started with to be kept."""
        digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in self.configuration]
        return {"command": list(self.command), "configuration": digests}


@dataclass(frozen=True)
class Supervisor:
    """Starts and ends the processes of one site."""

    layout: Layout

    def ensure(self, spec: ProcessSpec) -> None:
        """Make the process run and be healthy; one that runs with the same command and configuration is kept.

        Raises:
            PortTaken: A stranger listens on one of its ports.
            StartFailed: It ended, or was not healthy in time.
        """
        if self.reusable(spec):
            return
        self.stop(spec.name, spec.stop_limit_s)
        for port in spec.ports:
            _require_free(port, spec.name)
        self._await_health(spec, self._launch(spec))

    def running(self, name: str) -> psutil.Process | None:
        """The process of that name if it still is the one we started."""
        record = read_json(self.layout.process_file(name))
        return _find(record["pid"], record["started_at"]) if record else None

    def names(self) -> list[str]:
        """Names of all processes on record, newest first."""
        records = self.layout.processes_dir.glob("*.json")
        return [path.stem for path in sorted(records, key=lambda path: -path.stat().st_mtime)]

    def stop(self, name: str, limit_s: float = 15) -> None:
        """End the process and everything it started: politely, then by force."""
        record = read_json(self.layout.process_file(name))
        if record is None:
            return
        leader = _find(record["pid"], record["started_at"])
        family = _family(leader, record["pid"], record["started_at"])
        if leader is not None:
            end([leader], limit_s)
        end([*family, *_family(None, record["pid"], record["started_at"])], limit_s=3)
        self.layout.process_file(name).unlink(missing_ok=True)

    def reusable(self, spec: ProcessSpec) -> bool:
        """Whether it runs as it should."""
        record = read_json(self.layout.process_file(spec.name))
        same = record is not None and spec.fingerprint().items() <= record.items()
        return same and self.running(spec.name) is not None and spec.healthy()

    def _launch(self, spec: ProcessSpec) -> subprocess.Popen[bytes]:
        log_file = self.layout.log_file(spec.name)
        log_file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as log:
            process = subprocess.Popen(
                list(spec.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=None if spec.environment is None else dict(spec.environment),
                cwd=spec.directory or self.layout.state_dir,
                start_new_session=True,
            )
        record = {
            "pid": process.pid,
            "started_at": psutil.Process(process.pid).create_time(),
            **spec.fingerprint(),
        }
        write_json(self.layout.process_file(spec.name), record)
        return process

    def _await_health(self, spec: ProcessSpec, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + spec.start_limit_s
        while not spec.healthy():
            if process.poll() is not None:
                raise StartFailed(self._failure(spec, f"ended with exit code {process.returncode}"))
            if time.monotonic() > deadline:
                self.stop(spec.name, limit_s=3)
                raise StartFailed(self._failure(spec, f"was not healthy within {spec.start_limit_s:.0f} s"))
            time.sleep(POLL_S)

    def _failure(self, spec: ProcessSpec, what: str) -> str:
        log_file = self.layout.log_file(spec.name)
        last_line = log_file.read_text(errors="replace").strip().rpartition("\n")[2]
        return f"{spec.name} {what}; its log {log_file} ends with: {last_line or '(nothing)'}"


def end(processes: Sequence[psutil.Process], limit_s: float) -> None:
    """End exactly these processes: SIGTERM, and SIGKILL for those still there after the limit."""
    for process in processes:
        _signal(process.terminate)
    _, left = psutil.wait_procs(processes, timeout=limit_s)
    for process in left:
        _signal(process.kill)
    psutil.wait_procs(left, timeout=5)


def _signal(send: Callable[[], None]) -> None:
    try:
        send()
    except psutil.NoSuchProcess:
        return


def _find(pid: int, started_at: float) -> psutil.Process | None:
    try:
        process = psutil.Process(pid)
        ours = abs(process.create_time() - started_at) < START_TIME_TOLERANCE_S
        return process if ours and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def _family(leader: psutil.Process | None, group: int, started_at: float) -> list[psutil.Process]:
    """Descendants of the leader, and what is left of its process group.

    The kernel gives a pid to no one while a process group of that number exists: without a stranger under the
    leader's pid, every member of the group is ours.
    """
    descendants = leader.children(recursive=True) if leader else []
    if leader is None and psutil.pid_exists(group) and _find(group, started_at) is None:
        return descendants
    members = [process for process in psutil.process_iter() if _group_of(process.pid) == group]
    return list({*descendants, *members} - {leader})


def _group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def _require_free(port: int, name: str) -> None:

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortTaken(
                f"Port {port}, which {name} needs, is in use by another program: stop it, or move all ports"
                f" of this site with the setting EDGE_PORT_BASE (ports EDGE_PORT_BASE+10 to +99 are used)."
            ) from error
