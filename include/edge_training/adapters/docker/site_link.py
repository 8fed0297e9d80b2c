"""What a connection to a site consists of: SSH, the Docker API and the VM's files, through one TCP stream."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import aiodocker
import aiohttp
import asyncssh

from edge_training.adapters.docker.faults import not_docker, translated, unreachable
from edge_training.adapters.ssh import target as ssh
from edge_training.adapters.ssh.connector import NoChannel, SshConnector
from edge_training.adapters.ssh.target import DEFAULT_PATIENCE, Patience, SshTarget
from edge_training.adapters.ssh.vm_files import VmFiles
from edge_training.errors import EdgeError, SiteRefused, SiteUnreachable

OUR_API = (1, 41)
"""Docker's API of 20.10; a daemon that has dropped it is spoken to in the oldest it still has."""
CALL_LIMITS = aiohttp.ClientTimeout(sock_connect=15, sock_read=120)
GREETING_LIMITS = aiohttp.ClientTimeout(total=10)


class SiteLink:
    """One site's connection.

    Attributes:
        target: Where it leads.
        connection: The SSH connection.
        files: The VM's files.
        notes: The same, in an SFTP session of its own: sshd serves the calls of a session one by one, and a
            home directory may hang.
        session: HTTP over the Docker socket.
        docker: The Docker client on that session.
    """

    def __init__(self, target: SshTarget, connection: asyncssh.SSHClientConnection) -> None:
        self.target = target
        self.connection = connection
        self.files, self.notes = VmFiles(target, connection), VmFiles(target, connection)
        self.session = aiohttp.ClientSession(connector=SshConnector(connection, target.docker_socket))
        self.docker = docker_client(target, self.session, OUR_API)

    async def greet(self) -> None:
        """Make sure that Docker answers, and agree with it on the API's version.

        Raises:
            SiteUnreachable: Nobody answers, or somebody who is not Docker.
            SiteRefused: The SSH user may not use the socket.
        """
        with translated(self.target):
            try:
                api_version = agreed_version(await self._version())
            except NoChannel as error:
                raise await self._why_closed(str(error)) from None
        self.docker = docker_client(self.target, self.session, api_version)

    async def _version(self) -> dict[str, Any]:
        """Docker's answer to the one question that needs no version of the API."""
        async with self.session.get("http://docker/version", timeout=GREETING_LIMITS) as response:
            if response.status != HTTPStatus.OK:
                raise not_docker(self.target, f"status {response.status} to the question for its version")
            answer = await response.json()
            if not isinstance(answer, dict):
                raise not_docker(self.target, "a version that is no object")
            return answer

    async def _why_closed(self, reason: str) -> EdgeError:
        """Why sshd cannot reach the socket, which it does not say; the file system knows."""
        target = self.target
        try:
            access = await self.files.access(target.docker_socket)
        except (SiteRefused, SiteUnreachable):
            return unreachable(target, reason)
        if access == "missing":
            return SiteUnreachable(
                f"There is no Docker socket at {target.docker_socket} on {target}; start Docker there, or "
                "correct docker_socket in the site's connection."
            )
        if access == "forbidden":
            return SiteRefused(
                f"{target} may not use the Docker socket {target.docker_socket}; add {target.user} to the "
                "VM's group docker."
            )
        return SiteUnreachable(
            f"Nobody answers behind the Docker socket {target.docker_socket} on {target} ({reason}); start "
            "the Docker daemon there, and leave sshd's AllowStreamLocalForwarding and AllowTcpForwarding on."
        )

    def is_broken(self) -> bool:
        """Whether it can carry nothing any more."""
        return self.connection.is_closed()

    async def close(self) -> None:
        """Let go of everything, broken or not."""
        self.connection.close()
        await self.session.close()
        await self.connection.wait_closed()


async def open_link(target: SshTarget, patience: Patience = DEFAULT_PATIENCE) -> SiteLink:
    """Connect to a site and make sure that its Docker answers.

    Raises:
        SiteUnreachable: The VM or its Docker daemon does not answer; try again.
        SiteRefused: The VM refuses us, or is not the one whose host key was pinned.
    """
    link = SiteLink(target, await ssh.connect(target, patience))
    try:
        await link.greet()
    except BaseException:
        await link.close()
        raise
    return link


def docker_client(
    target: SshTarget, session: aiohttp.ClientSession, api_version: tuple[int, ...]
) -> aiodocker.Docker:
    """A Docker client; it holds nothing but the session."""
    return aiodocker.Docker(
        url=f"unix://{target.docker_socket}",
        session=session,
        timeout=CALL_LIMITS,
        api_version=f"v{'.'.join(map(str, api_version))}",
    )


def agreed_version(answer: dict[str, Any]) -> tuple[int, ...]:
    """The version of Docker's API that both ends speak; whether it will do, the preflight says.

    Raises:
        LookupError: The answer lacks a field.
        ValueError: The answer has a version that is none.
    """
    newest, oldest = (
        tuple(int(number) for number in str(answer[name]).split("."))
        for name in ("ApiVersion", "MinAPIVersion")
    )
    return min(max(OUR_API, oldest), newest)
