"""HTTP over a Unix socket of the VM: every connection is an SSH channel, and nothing listens on this machine.

A forwarded local socket would do the same with two more file descriptors per connection, 800 for 200 jobs,
and with a path that somebody must clean up.
"""

from __future__ import annotations

import asyncio
from typing import cast

import aiohttp
import asyncssh
from aiohttp.client_proto import ResponseHandler
from aiohttp.tracing import Trace


class NoChannel(aiohttp.ClientConnectionError):
    """sshd does not connect us with the socket."""


class SshConnector(aiohttp.BaseConnector):
    """Connects HTTP requests to a Unix socket behind an SSH connection.

    Args:
        connection: The SSH connection.
        path: The socket on the VM.
    """

    allowed_protocol_schema_set = aiohttp.UnixConnector.allowed_protocol_schema_set

    def __init__(self, connection: asyncssh.SSHClientConnection, path: str) -> None:
        # A followed log holds its connection for as long as the job runs: any limit would be one on jobs.
        super().__init__(limit=0)
        self._connection = connection
        self._path = path

    async def _create_connection(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        """The one method that aiohttp's own connectors differ in."""
        protocol: ResponseHandler = self._factory()
        try:
            async with asyncio.timeout(timeout.sock_connect):
                await self._connection.create_unix_connection(lambda: HttpChannel(protocol), self._path)
        except (asyncssh.Error, OSError) as error:
            raise NoChannel(str(error)) from error
        return protocol


class HttpChannel(asyncssh.SSHUNIXSession[bytes]):
    """Passes a channel's events on to aiohttp's protocol; the channel itself is its transport."""

    def __init__(self, protocol: ResponseHandler) -> None:
        self._protocol = protocol

    def connection_made(self, chan: asyncssh.SSHUNIXChannel[bytes]) -> None:
        """The channel is open."""
        # It has all that a transport has, without saying so in its type.
        self._protocol.connection_made(cast(asyncio.BaseTransport, chan))

    def connection_lost(self, exc: Exception | None) -> None:
        """The channel or the whole SSH connection is gone."""
        self._protocol.connection_lost(exc)

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Bytes from Docker."""
        self._protocol.data_received(data)

    def eof_received(self) -> bool:
        """Docker has said all; the channel closes."""
        self._protocol.eof_received()
        return False

    def pause_writing(self) -> None:
        """The SSH window is full."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """The SSH window has room again."""
        self._protocol.resume_writing()
