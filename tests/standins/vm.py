"""A VM with something wrong: an sshd of the test's own, and something else in the place of its Docker."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncssh

from edge_training.adapters.ssh.target import SshTarget
from local_site.packages import program
from local_site.ssh_server import configuration

START_LIMIT_S = 20
GENEROUS = ("MaxStartups", "MaxSessions")
"""Limits that the local site raises; a VM as it comes has sshd's own."""

Answer = Callable[[str], bytes]
"""What comes back for a request's path."""


@dataclass(frozen=True)
class Vm:
    """An sshd of the test's own; `folder` is a place that its user may enter."""

    port: int
    user: str
    key: str
    host_key: str
    folder: Path

    def target(self, docker_socket: str | Path, **changes: Any) -> SshTarget:
        """How to reach it."""
        known: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": self.port,
            "user": self.user,
            "private_key": self.key,
            "host_key": self.host_key,
            "docker_socket": str(docker_socket),
        }
        return SshTarget(**known | changes)


@contextmanager
def running_vm(user: str, *, sftp: bool = True) -> Iterator[Vm]:
    """An sshd for the length of a block."""
    folder = Path(tempfile.mkdtemp(prefix="edge-vm-"))
    folder.chmod(0o755)
    key, host_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    host_key.write_private_key(folder / "host_key")
    (folder / "host_key").chmod(0o600)
    key.write_public_key(folder / "authorized_keys")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
    lines = configuration(folder, port, user, use_pam=False).splitlines()
    left_out = GENEROUS if sftp else (*GENEROUS, "Subsystem")
    (folder / "sshd_config").write_text("\n".join(line for line in lines if not line.startswith(left_out)))
    process = subprocess.Popen([program("sshd"), "-D", "-f", str(folder / "sshd_config")])
    try:
        wait_for_port(port)
        yield Vm(port, user, text(key), public(host_key), folder)
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


def wait_for_port(port: int) -> None:
    """Return when somebody listens."""
    deadline = time.monotonic() + START_LIMIT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def text(key: asyncssh.SSHKey) -> str:
    """A private key's text."""
    return key.export_private_key().decode()


def public(key: asyncssh.SSHKey) -> str:
    """The public half as in a known_hosts line."""
    return key.export_public_key().decode().strip()


@asynccontextmanager
async def answering(path: Path, answer: Answer) -> AsyncIterator[None]:
    """Somebody at a Unix socket who says `answer(path)` to each request and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readline()
        writer.write(answer(request.split()[1].decode() if len(request.split()) > 1 else ""))
        await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(serve, path)
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)


def http(body: bytes, kind: str = "application/json", status: str = "200 OK") -> bytes:
    """An HTTP answer."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def docker_that_says(**changes: Any) -> Answer:
    """A daemon as good as any, except for `changes` to its /info and /version."""
    known = {
        "Version": "20.10.24",
        "ApiVersion": "1.41",
        "MinAPIVersion": "1.12",
        "MemTotal": 8 * 2**30,
        "NCPU": 2,
        "SystemTime": datetime.now(UTC).isoformat(),
        "DockerRootDir": "/tmp",
        "Driver": "overlay2",
        "CgroupVersion": "2",
        "MemoryLimit": True,
        "CpuCfsQuota": True,
        "PidsLimit": True,
    }
    said = http(json.dumps(known | changes).encode())
    return lambda path: said
