"""The one door to a site: an SSH connection with a pinned host key, and what is forwarded through it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncssh

from edge_training.errors import SiteRefused, SiteUnreachable

LOOPBACK = "127.0.0.1"
DEFAULT_BOOT_ID_PATH = "/proc/sys/kernel/random/boot_id"
HOST_KEY_ALGORITHMS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)

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
        boot_id_path: A file on the VM whose content changes with every boot and only then.
    """

    host: str
    port: int
    user: str
    private_key: str = field(repr=False)
    host_key: str
    docker_socket: str
    boot_id_path: str = DEFAULT_BOOT_ID_PATH

    def __str__(self) -> str:
        return f"{self.user}@{self.host}:{self.port}"


@dataclass(frozen=True)
class Patience:
    """When a VM counts as out of reach.

    Attempts are short because TCP repeats an unanswered SYN after 1, 3, 7 and 15 s: a long attempt sleeps
    through the link's return.

    Attributes:
        tcp_s: For the TCP connection.
        login_s: For all until the login is accepted, TCP included.
        keepalive_s: Between two signs of life that we ask for.
        keepalives: How many of them may stay unanswered; a silent link is given up after
            `keepalive_s * (keepalives + 1)`.
    """

    tcp_s: float = 5
    login_s: float = 10
    keepalive_s: float = 3
    keepalives: int = 3


DEFAULT_PATIENCE = Patience()


async def connect(target: SshTarget, patience: Patience = DEFAULT_PATIENCE) -> asyncssh.SSHClientConnection:
    """Open a connection; the caller's own SSH settings, agent and known hosts play no part.

    Raises:
        SiteUnreachable: Nobody answers; try again.
        SiteRefused: The host key is not the pinned one, or the user's key is not accepted.
    """
    try:
        key = asyncssh.import_private_key(target.private_key)
        host_key = asyncssh.import_public_key(target.host_key)
    except (asyncssh.KeyImportError, ValueError) as error:
        raise SiteRefused(
            f"The SSH keys of {target} cannot be read ({error}); correct private_key and host_key in the "
            "site's connection."
        ) from None
    try:
        return await logged_in(target, key, host_key, patience)
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
            f"{target} does not answer over SSH ({told(error)}); check that the VM is "
            "up and the port is open."
        ) from None


def told(error: Exception) -> str:
    """An error's class and what it says, which is often nothing."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


async def logged_in(
    target: SshTarget, key: asyncssh.SSHKey, host_key: asyncssh.SSHKey, patience: Patience
) -> asyncssh.SSHClientConnection:
    """Connect and log in, within the limits."""
    started = asyncio.get_running_loop().time()
    async with asyncio.timeout(patience.tcp_s) as limit:
        return await asyncssh.connect(
            target.host,
            target.port,
            username=target.user,
            client_keys=[key],
            client_factory=lambda: Caller(limit, started + patience.login_s),
            known_hosts=([host_key], [], []),
            server_host_key_algs=host_key_algorithms(host_key),
            agent_path=None,
            config=None,
            preferred_auth="publickey",
            keepalive_interval=patience.keepalive_s,
            keepalive_count_max=patience.keepalives,
        )


class Caller(asyncssh.SSHClient):
    """Hears when TCP stands, and gives the login its own limit."""

    def __init__(self, limit: asyncio.Timeout, login_deadline: float) -> None:
        self._limit = limit
        self._login_deadline = login_deadline

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        """TCP stands, unless that came too late."""
        if not self._limit.expired():
            self._limit.reschedule(self._login_deadline)


def host_key_algorithms(pinned: asyncssh.SSHKey) -> list[str]:
    """What we ask the server for: the pinned key first, then any.

    Asked for the pinned kind alone, a server that has only others hangs up without a word, and a changed host
    key would look like a lost connection.
    """
    first = [algorithm.decode("ascii") for algorithm in pinned.sig_algorithms]
    return list(dict.fromkeys([*first, *HOST_KEY_ALGORITHMS]))


@asynccontextmanager
async def forwarded_port(connection: asyncssh.SSHClientConnection, remote_port: int) -> AsyncIterator[int]:
    """A local TCP port that ends at a loopback port of the VM."""
    listener = await connection.forward_local_port(LOOPBACK, 0, LOOPBACK, remote_port)
    try:
        yield listener.get_port()
    finally:
        listener.close()
