"""The one door to a site: an SSH connection with a pinned host key, and what is forwarded through it."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from edge_training.errors import SiteRefused, SiteUnreachable

LOOPBACK = "127.0.0.1"
CONNECT_LIMIT_S = 15
KEEPALIVE_INTERVAL_S = 15

# The library tells of every channel; a task's log is for what the job says.
asyncssh.set_log_level(logging.WARNING)


@dataclass(frozen=True)
class SshTarget:
    """How to reach a site's VM.

    Attributes:
        host: Name or address.
        port: TCP port of its SSH server.
        user: Who logs in; must be able to use the Docker socket.
        private_key: The key's text, OpenSSH or PEM.
        host_key: The server's public key as in a known_hosts line, e.g. `ssh-ed25519 AAAA...`.
        docker_socket: The Docker daemon's socket on the VM.
    """

    host: str
    port: int
    user: str
    private_key: str = field(repr=False)
    host_key: str
    docker_socket: str

    def __str__(self) -> str:
        return f"{self.user}@{self.host}:{self.port}"


@asynccontextmanager
async def connected(target: SshTarget) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """An SSH connection to the site, closed at the end.

    Raises:
        SiteUnreachable: Nobody answers; try again.
        SiteRefused: The host key is not the pinned one, or the user's key is not accepted.
    """
    connection = await connect(target)
    try:
        yield connection
    finally:
        connection.close()


async def connect(target: SshTarget) -> asyncssh.SSHClientConnection:
    """Open the connection; the caller's own SSH settings, agent and known hosts play no part."""
    try:
        key = asyncssh.import_private_key(target.private_key)
        host_key = asyncssh.import_public_key(target.host_key)
    except (asyncssh.KeyImportError, ValueError) as error:
        raise SiteRefused(
            f"The SSH keys of {target} cannot be read ({error}); correct private_key and host_key in the "
            "site's connection."
        ) from None
    try:
        return await asyncssh.connect(
            target.host,
            target.port,
            username=target.user,
            client_keys=[key],
            known_hosts=([host_key], [], []),
            agent_path=None,
            config=None,
            preferred_auth="publickey",
            connect_timeout=CONNECT_LIMIT_S,
            login_timeout=CONNECT_LIMIT_S,
            keepalive_interval=KEEPALIVE_INTERVAL_S,
        )
    except asyncssh.HostKeyNotVerifiable:
        raise SiteRefused(
            f"The host key of {target} is not the pinned one: either the VM was reinstalled, then pin its "
            "new key in the site's connection, "
            "or somebody stands in between."
        ) from None
    except asyncssh.PermissionDenied:
        raise SiteRefused(
            f"{target} does not accept the SSH key; add its public half to the user's authorized_keys or "
            "correct the site's connection."
        ) from None
    except (OSError, asyncssh.Error, TimeoutError) as error:
        raise SiteUnreachable(
            f"{target} does not answer over SSH ({type(error).__name__}: {error}); check that the VM is "
            "up and the port is open."
        ) from None


@asynccontextmanager
async def forwarded_socket(connection: asyncssh.SSHClientConnection, remote_path: str) -> AsyncIterator[Path]:
    """A local Unix socket that ends at `remote_path` on the VM, in a directory only we can enter."""
    with tempfile.TemporaryDirectory(prefix="edge-") as folder:
        path = Path(folder) / "docker.sock"
        listener = await connection.forward_local_path(str(path), remote_path)
        try:
            yield path
        finally:
            listener.close()


@asynccontextmanager
async def forwarded_port(connection: asyncssh.SSHClientConnection, remote_port: int) -> AsyncIterator[int]:
    """A local TCP port that ends at a loopback port of the VM."""
    listener = await connection.forward_local_port(LOOPBACK, 0, LOOPBACK, remote_port)
    try:
        yield listener.get_port()
    finally:
        listener.close()
