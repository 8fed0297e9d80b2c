"""The real adapter on the local site, and what a test must look at behind its back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import docker

from edge_training.adapters.docker.over_ssh import DockerOverSsh, connect
from edge_training.adapters.ssh.target import SshTarget
from local_site.info import SiteInfo


def target(site: SiteInfo, **changes: Any) -> SshTarget:
    """The site's VM, with changes that a test makes."""
    known: dict[str, Any] = {
        "host": site.ssh_host,
        "port": site.ssh_port,
        "user": site.ssh_user,
        "private_key": site.ssh_private_key_file.read_text(),
        "host_key": site.ssh_host_key,
        "docker_socket": site.docker_socket,
    }
    return SshTarget(**known | changes)


@dataclass
class Engine:
    """The site's Docker daemon, spoken to directly.

    Attributes:
        client: The plain Docker client.
        names: Parts of container names that the test made; all of them go at the end.
    """

    client: docker.DockerClient
    names: list[str] = field(default_factory=list)

    def containers(self, part: str) -> list[str]:
        """Names of the containers that contain `part`."""
        return sorted(found.name for found in self.client.containers.list(all=True, filters={"name": part}))

    def inspect(self, name: str) -> str:
        """All that `docker inspect` says, as text."""
        return json.dumps(self.client.api.inspect_container(name))

    def remove_volume(self, name: str) -> None:
        """Remove a volume and the containers that use it."""
        for container in self.client.containers.list(all=True, filters={"volume": name}):
            container.remove(force=True)
        self.client.volumes.get(name).remove()

    def remove_containers(self) -> None:
        """Remove the containers that the test made."""
        for part in self.names:
            for container in self.client.containers.list(all=True, filters={"name": part}):
                container.remove(force=True)

    def clean_up(self) -> None:
        """Remove what the test made."""
        self.remove_containers()
        for part in self.names:
            for volume in self.client.volumes.list(filters={"name": part}):
                volume.remove(force=True)
        self.client.close()


@asynccontextmanager
async def real_host(site: SiteInfo, **changes: Any) -> AsyncIterator[DockerOverSsh]:
    """The real `EdgeHost` of the local site."""
    async with connect(target(site, **changes)) as host:
        yield host


def engine(site: SiteInfo) -> Engine:
    """The site's Docker daemon."""
    return Engine(docker.DockerClient(base_url=f"unix://{site.docker_socket}"))


class Door:
    """A TCP relay in front of a site's sshd that a test may slam shut, or silence.

    Attributes:
        port: Where it listens.
        callers: How many connections it has let in.
        silent: While set, it passes nothing on, and says nothing of it: a black hole.
    """

    def __init__(self, host: str, port: int) -> None:
        self._upstream = (host, port)
        self._writers: list[asyncio.StreamWriter] = []
        self.port = 0
        self.callers = 0
        self.silent = False

    async def __aenter__(self) -> Door:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.slam()
        self._server.close()

    def slam(self) -> None:
        """Cut every connection; new ones are let in again."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.callers += 1
        upstream_reader, upstream_writer = await asyncio.open_connection(*self._upstream)
        self._writers += [writer, upstream_writer]
        await asyncio.gather(self._relay(reader, upstream_writer), self._relay(upstream_reader, writer))

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass bytes on until either end closes."""
        with suppress(OSError):
            while chunk := await reader.read(2**16):
                if not self.silent:
                    writer.write(chunk)
                    await writer.drain()
        writer.close()
