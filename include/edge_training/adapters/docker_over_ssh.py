"""`EdgeHost` over the Docker Engine API of the site, its socket forwarded through SSH.

One SSH connection and one HTTP client carry everything: no agent, no shell command, no open port on the VM
beyond sshd.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import IO, Any

import aiodocker
import aiohttp
import asyncssh

from edge_training.adapters import docker_config
from edge_training.adapters.ssh import LOOPBACK, SshTarget, connected, forwarded_port, forwarded_socket
from edge_training.adapters.storage_network import CONFLICT, NETWORK, NOT_FOUND, storage_hosts
from edge_training.errors import (
    BadRequest,
    ImageMissing,
    JobInterrupted,
    RegistryUnavailable,
    SiteRefused,
    SiteUnreachable,
)
from edge_training.ports.edge_host import (
    ContainerSpec,
    ContainerState,
    LogLine,
    Mount,
    RegistryLogin,
    ServiceSpec,
)

API_VERSION = "v1.41"
CALL_LIMITS = aiohttp.ClientTimeout(sock_connect=15, sock_read=120)
STREAM_LIMITS = aiohttp.ClientTimeout(sock_connect=15)
PROBE_LIMITS = aiohttp.ClientTimeout(total=10)
DELIVERY_LIMIT_S = 120
CHUNK_BYTES = 2**18
SERVER_ERROR = 500
PORT_TAKEN = re.compile(r"port is already allocated|address already in use")
OUT_OF_REACH = re.compile(
    r"dial tcp|no such host|connection (refused|reset)|timeout|deadline exceeded|EOF"
    r"|50[0234] |Internal Server Error|Bad Gateway|Service Unavailable|toomanyrequests",
    re.IGNORECASE,
)
"""What Docker says when the registry, not the request, is at fault."""
NO_SUCH_DIRECTORY = "bind source path does not exist"


@asynccontextmanager
async def connect(target: SshTarget) -> AsyncIterator[DockerOverSsh]:
    """A site's Docker engine for the length of a `with`.

    Raises:
        SiteUnreachable: The VM or its Docker daemon does not answer.
        SiteRefused: The VM refuses us, or is not the one whose host key was pinned.
    """
    async with connected(target) as connection, forwarded_socket(connection, target.docker_socket) as socket:
        connector = aiohttp.UnixConnector(str(socket))
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            aiodocker.Docker(
                url=f"unix://{socket}", session=session, timeout=CALL_LIMITS, api_version=API_VERSION
            ) as docker,
        ):
            yield DockerOverSsh(target, connection, session, docker)


class DockerOverSsh:
    """The port `EdgeHost`, see there for what each call means."""

    def __init__(
        self,
        target: SshTarget,
        connection: asyncssh.SSHClientConnection,
        session: aiohttp.ClientSession,
        docker: aiodocker.Docker,
    ) -> None:
        self._target = target
        self._connection = connection
        self._session = session
        self._docker = docker

    async def inspect(self, name: str) -> ContainerState | None:
        with self._translated():
            try:
                return docker_config.container_state(await self._container(name).show())
            except aiodocker.DockerError as error:
                if error.status == NOT_FOUND:
                    return None
                raise

    async def ensure_image(self, reference: str, login: RegistryLogin | None) -> None:
        with self._translated():
            if await self._has_image(reference):
                return
            auth = (
                {"username": login.user, "password": login.password, "serveraddress": login.registry}
                if login
                else None
            )
            try:
                progress = await self._docker.images.pull(reference, auth=auth)
            except aiodocker.DockerError as error:
                raise pull_failure(reference, error.message) from None
        failed = [str(line["error"]) for line in progress if "error" in line]
        if failed:
            raise pull_failure(reference, failed[0])

    async def _has_image(self, reference: str) -> bool:
        try:
            await self._docker.images.inspect(reference)
        except aiodocker.DockerError as error:
            if error.status == NOT_FOUND:
                return False
            raise
        return True

    async def create(self, spec: ContainerSpec) -> bool:
        with self._translated():
            sources = {mount: await self._mount_source(mount) for mount in spec.mounts if mount.subpath}
            hosts = await storage_hosts(self._docker, spec.storage) if spec.storage else []
            network = NETWORK if spec.storage else "none"
            return await self._create(spec.name, docker_config.job_config(spec, sources, network, hosts))

    async def _create(self, name: str, config: dict[str, Any]) -> bool:
        try:
            await self._docker.containers.create(config, name=name)
        except aiodocker.DockerError as error:
            if error.status == CONFLICT:
                return False
            if error.status == NOT_FOUND:
                raise image_missing(str(config["Image"]), error.message) from None
            if NO_SUCH_DIRECTORY in error.message:
                raise BadRequest(
                    f"The site no longer has what an earlier step left for {name} ({error.message}); remove "
                    "that step's container on the site and clear the run from that step on."
                ) from None
            raise
        return True

    async def _mount_source(self, mount: Mount) -> str:
        """The directory on the VM behind a part of a volume."""
        try:
            shown = await (await self._docker.volumes.get(mount.volume)).show()
        except aiodocker.DockerError as error:
            if error.status == NOT_FOUND:
                raise BadRequest(
                    f"The site no longer has the volume {mount.volume} of an earlier step; clear the run "
                    "from that step on."
                ) from None
            raise
        return str(PurePosixPath(shown["Mountpoint"]) / mount.subpath)

    async def start(self, spec: ContainerSpec, payload: bytes) -> None:
        container = self._container(spec.name)
        with self._translated():
            for mount in spec.mounts:
                if not mount.read_only:
                    await container.put_archive(mount.target, docker_config.work_directory())
            async with container.attach(stdin=True, stdout=True, stderr=True) as stream:
                await container.start()
                await stream.write_in(payload)
                receipt = await asyncio.wait_for(stream.read_out(), DELIVERY_LIMIT_S)
        if receipt is None:
            raise JobInterrupted(
                f"{spec.name} ended before its input arrived; the next try delivers it again."
            )

    async def wait(self, name: str) -> ContainerState:
        with self._translated():
            await self._container(name).wait(timeout=STREAM_LIMITS)
        state = await self.inspect(name)
        if state is None:
            raise JobInterrupted(
                f"The container {name} was removed while it was watched; the next try starts it again."
            )
        return state

    async def logs(self, name: str, since: str, follow: bool) -> AsyncIterator[LogLine]:
        options: dict[str, Any] = {"stdout": True, "stderr": True, "timestamps": True}
        if since:
            options["since"] = docker_config.unix_time(since)
        with self._translated():
            container, lines = self._container(name), docker_config.WholeLines()
            if follow:
                async for piece in container.log(follow=True, timeout=STREAM_LIMITS, **options):
                    for line in lines.add(piece):
                        yield line
            else:
                for piece in await container.log(follow=False, **options):
                    for line in lines.add(piece):
                        yield line
            for line in lines.rest():
                yield line

    async def stop(self, name: str, grace_s: int) -> None:
        with self._translated(), ignored(NOT_FOUND):
            await self._container(name).stop(t=grace_s)

    async def remove(self, name: str) -> None:
        with self._translated(), ignored(NOT_FOUND, CONFLICT):
            await self._container(name).delete(force=True)

    async def rename(self, name_or_id: str, new_name: str) -> None:
        with self._translated(), ignored(NOT_FOUND):
            await self._container(name_or_id).rename(new_name)

    async def read_file(self, name: str, path: str) -> bytes | None:
        with self._translated():
            try:
                archive = await self._container(name).get_archive(path)
            except aiodocker.DockerError as error:
                if error.status == NOT_FOUND:
                    return None
                raise
            content: IO[bytes] | None = archive.extractfile(archive.getmembers()[0])
            return content.read() if content else None

    async def write_file(self, name: str, path: str, content: bytes) -> None:
        place = PurePosixPath(path)
        with self._translated():
            await self._container(name).put_archive(
                str(place.parent), docker_config.file_tar(place.name, content)
            )

    async def stream_directory(self, name: str, path: str) -> AsyncIterator[bytes]:
        url = f"http://docker/{API_VERSION}/containers/{name}/archive"
        with self._translated():
            async with self._session.get(url, params={"path": path}, timeout=STREAM_LIMITS) as response:
                if response.status != HTTPStatus.OK:
                    raise JobInterrupted(
                        f"{path} of {name} cannot be read ({response.status}); clear the run from the "
                        "step that made it."
                    )
                async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                    yield chunk

    async def run_service(self, spec: ServiceSpec) -> ContainerState:
        with self._translated():
            await self._create(spec.name, docker_config.service_config(spec))
            await self._container(spec.name).start()
        state = await self.inspect(spec.name)
        if state is None:
            raise JobInterrupted(f"The service {spec.name} was removed while it started; try again.")
        return state

    async def http_status(self, host_port: int, path: str) -> int | None:
        with self._translated():
            async with (
                forwarded_port(self._connection, host_port) as local_port,
                aiohttp.ClientSession() as session,
            ):
                try:
                    async with session.get(
                        f"http://{LOOPBACK}:{local_port}{path}", timeout=PROBE_LIMITS
                    ) as response:
                        return response.status
                except (aiohttp.ClientError, TimeoutError):
                    return None

    def _container(self, name: str) -> aiodocker.containers.DockerContainer:
        return self._docker.containers.container(name)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn what the libraries raise into the two things a caller can do about it."""
        try:
            yield
        except aiodocker.DockerError as error:
            if PORT_TAKEN.search(error.message):
                raise SiteRefused(
                    f"A port on {self._target} is taken ({error.message}); give the service another one."
                ) from None
            if error.status >= SERVER_ERROR:
                raise self._unreachable(error.message) from None
            if error.status == NOT_FOUND:
                raise JobInterrupted(
                    f"{self._target} no longer has what the job needs ({error.message}); the next try starts "
                    "it again."
                ) from None
            raise SiteRefused(
                f"Docker on {self._target} refuses ({error.status}): {error.message}; correct the request "
                "or the daemon's settings."
            ) from None
        except (aiohttp.ClientError, asyncssh.Error, OSError, TimeoutError) as error:
            raise self._unreachable(f"{type(error).__name__}: {error}") from None

    def _unreachable(self, reason: str) -> SiteUnreachable:
        return SiteUnreachable(
            f"Docker on {self._target} does not answer at {self._target.docker_socket} ({reason}); check "
            "that the daemon runs and that the SSH user may use it."
        )


@contextmanager
def ignored(*statuses: int) -> Iterator[None]:
    """Take some of Docker's refusals for an answer; a removal that somebody else began is a conflict."""
    try:
        yield
    except aiodocker.DockerError as error:
        if error.status not in statuses:
            raise


def pull_failure(reference: str, reason: str) -> ImageMissing | RegistryUnavailable:
    """Why a pull failed: a registry out of reach may answer the next try, a refusal will not change."""
    if OUT_OF_REACH.search(reason):
        return RegistryUnavailable(
            f"The site cannot reach the registry of {reference} ({reason}); check the network between them."
        )
    return image_missing(reference, reason)


def image_missing(reference: str, reason: str) -> ImageMissing:
    """The one sentence for an image that the site cannot get."""
    return ImageMissing(
        f"The site cannot get the image {reference} ({reason}); check the reference and the registry's "
        "login in its connection."
    )
