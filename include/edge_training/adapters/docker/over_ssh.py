"""`EdgeHost` over the Docker Engine API of the site, its socket forwarded through SSH.

One SSH connection carries everything, and one HTTP client whatever is asked of Docker: no agent, no shell
command, no open port on the VM beyond sshd. Only a service's health is asked for through a port of its own,
forwarded on the same connection for as long as the question takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractContextManager, aclosing, asynccontextmanager, suppress
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

import aiodocker
import aiohttp

from edge_runner.frames import RECEIVED
from edge_runner.protocol import CODE_DIR
from edge_training.adapters.docker import config as docker_config
from edge_training.adapters.docker import faults as docker_faults
from edge_training.adapters.docker import site_facts
from edge_training.adapters.docker.faults import ignored, translated
from edge_training.adapters.docker.shared_site import joined
from edge_training.adapters.docker.site_link import CALL_LIMITS, SiteLink
from edge_training.adapters.docker.storage_network import NETWORK, storage_hosts
from edge_training.adapters.ssh.target import LOOPBACK, SshTarget, forwarded_port
from edge_training.errors import JobInterrupted, SecretsNeeded
from edge_training.ports.edge_host import (
    ContainerSpec,
    ContainerState,
    LogLine,
    Mount,
    RegistryLogin,
    ServiceSpec,
)
from edge_training.ports.site_facts import SiteFacts

STREAM_LIMITS = aiohttp.ClientTimeout(sock_connect=15)
PROBE_LIMITS = aiohttp.ClientTimeout(total=10)
DELIVERY_LIMIT_S = 120
RENEWAL_LIMIT_S = 30
CHUNK_BYTES = 2**18
LOG_OPTIONS: dict[str, Any] = {"stdout": True, "stderr": True, "timestamps": True}


@asynccontextmanager
async def connect(target: SshTarget) -> AsyncIterator[DockerOverSsh]:
    """A site's Docker engine for the length of a `with`; the connection is shared with all who use it.

    Raises:
        SiteUnreachable: The VM or its Docker daemon does not answer.
        SiteRefused: The VM refuses us, or is not the one whose host key was pinned.
    """
    async with joined(target) as link:
        yield DockerOverSsh(link)


class DockerOverSsh:
    """The ports `EdgeHost` and `FactsSource`, see there for what each call means."""

    def __init__(self, link: SiteLink) -> None:
        self._target = link.target
        self._connection = link.connection
        self._files = link.files
        self._session = link.session
        self._docker = link.docker

    async def facts(self) -> SiteFacts:
        with self._translated():
            return await site_facts.site_facts(self._docker, self._files, self._target.boot_id_path)

    async def boot_id(self) -> str:
        return await site_facts.boot_id(self._files, self._target.boot_id_path)

    async def inspect(self, name: str) -> ContainerState | None:
        with self._translated():
            try:
                return docker_config.container_state(await self._container(name).show())
            except aiodocker.DockerError as error:
                if error.status == HTTPStatus.NOT_FOUND:
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
                raise docker_faults.pull_failure(reference, error.message) from None
        failed = [str(line["error"]) for line in progress if "error" in line]
        if failed:
            raise docker_faults.pull_failure(reference, failed[0])

    async def _has_image(self, reference: str) -> bool:
        try:
            await self._docker.images.inspect(reference)
        except aiodocker.DockerError as error:
            if error.status == HTTPStatus.NOT_FOUND:
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
            if error.status == HTTPStatus.CONFLICT:
                return False
            if error.status == HTTPStatus.NOT_FOUND:
                raise docker_faults.image_missing(str(config["Image"]), error.message) from None
            if docker_faults.NO_SUCH_DIRECTORY in error.message:
                raise docker_faults.directory_missing(name, error.message) from None
            raise
        return True

    async def _mount_source(self, mount: Mount) -> str:
        """The directory on the VM behind a part of a volume."""
        try:
            shown = await (await self._docker.volumes.get(mount.volume)).show()
        except aiodocker.DockerError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                raise docker_faults.volume_missing(mount.volume) from None
            raise
        return str(PurePosixPath(shown["Mountpoint"]) / mount.subpath)

    async def prepare(self, spec: ContainerSpec) -> None:
        with self._translated():
            for mount in spec.mounts:
                if not mount.read_only:
                    await self._container(spec.name).put_archive(mount.target, docker_config.work_directory())

    async def start(self, name: str, message: bytes = b"") -> None:
        container = self._container(name)
        with self._translated():
            if not message:
                await container.start()
                return
            try:
                async with container.attach(stdin=True, stdout=True, stderr=True) as stream:
                    await container.start()
                    await stream.write_in(message)
                    receipt = await asyncio.wait_for(stream.read_out(), DELIVERY_LIMIT_S)
            except AssertionError:  # aiodocker's word for a stream whose connection is gone
                receipt = None
        if receipt is None:
            # A lost line ends the stream as an ended container does; only one of them can be asked.
            await self.inspect(name)
            raise SecretsNeeded(f"{name} ended before its input arrived; it has to be delivered again.")

    async def deliver(self, name: str, command: Sequence[str], message: bytes) -> bool:
        answer = None
        with self._translated(), ignored(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
            beside = await self._container(name).exec(command, stdin=True, workdir=CODE_DIR)
            # The first is aiodocker's word for a stream whose connection is gone.
            with suppress(AssertionError, TimeoutError):
                async with asyncio.timeout(RENEWAL_LIMIT_S), beside.start() as stream:
                    await stream.write_in(message)
                    answer = await stream.read_out()
        return answer is not None and answer.data.split() == [RECEIVED.encode()]

    async def wait(self, name: str) -> ContainerState:
        with self._translated():
            await self._container(name).wait(timeout=STREAM_LIMITS)
        state = await self.inspect(name)
        if state is None:
            raise JobInterrupted(
                f"The container {name} was removed while it was watched; the next try starts it again."
            )
        return state

    async def logs(self, name: str, since: str) -> AsyncGenerator[LogLine, None]:
        options = LOG_OPTIONS | ({"since": docker_config.unix_time(since)} if since else {})
        lines = docker_config.WholeLines()
        with self._translated():
            stream = self._container(name).log(follow=True, timeout=STREAM_LIMITS, **options)
            # It is a generator, which aiodocker's types keep to themselves.
            async with aclosing(cast(AsyncGenerator[str, None], stream)) as pieces:
                async for piece in pieces:
                    for line in lines.add(piece):
                        yield line
            for line in lines.rest():
                yield line

    async def tail(self, name: str, count: int) -> list[LogLine]:
        with self._translated():
            pieces = await self._container(name).log(
                follow=False, timeout=CALL_LIMITS, tail=count, **LOG_OPTIONS
            )
        return docker_config.whole_lines(pieces)

    async def stop(self, name: str, grace_s: int) -> None:
        with self._translated(), ignored(HTTPStatus.NOT_FOUND):
            await self._container(name).stop(t=grace_s)

    async def remove(self, name_or_id: str) -> None:
        with self._translated(), ignored(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
            await self._container(name_or_id).delete(force=True)

    async def rename(self, name_or_id: str, new_name: str) -> bool:
        with self._translated():
            try:
                await self._container(name_or_id).rename(new_name)
            except aiodocker.DockerError as error:
                # Docker answers 400 where the container has that name already.
                if error.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.BAD_REQUEST):
                    raise
                state = await self.inspect(name_or_id)
                return state is not None and state.name == new_name
        return True

    async def read_file(self, name: str, path: str) -> bytes | None:
        with self._translated():
            try:
                archive = await self._container(name).get_archive(path)
            except aiodocker.DockerError as error:
                if error.status == HTTPStatus.NOT_FOUND:
                    return None
                raise
            content: IO[bytes] | None = archive.extractfile(archive.getmembers()[0])
            return content.read() if content else None

    async def read_directory(self, name: str, path: str) -> dict[str, bytes]:
        with self._translated():
            try:
                archive = await self._container(name).get_archive(path)
            except aiodocker.DockerError as error:
                if error.status == HTTPStatus.NOT_FOUND:
                    return {}
                raise
            return dict(docker_config.files_of(archive))

    async def write_file(self, name: str, volume_dir: str, path: str, content: bytes) -> None:
        with self._translated():
            await self._container(name).put_archive(volume_dir, docker_config.file_tar(path, content))

    async def unpack(self, name: str, volume_dir: str, path: str, archive: Path) -> None:
        container = self._container(name)
        url = f"http://docker/{self._docker.api_version}/containers/{name}/archive"
        with archive.open("rb") as file, self._translated():
            await container.put_archive(volume_dir, docker_config.directories_of(archive, path))
            target = {"path": f"{volume_dir}/{path}"}
            async with self._session.put(url, params=target, data=file, timeout=STREAM_LIMITS) as response:
                if response.status != HTTPStatus.OK:
                    raise aiodocker.DockerError(response.status, await response.text())

    async def stream_directory(self, name: str, path: str) -> AsyncGenerator[bytes, None]:
        url = f"http://docker/{self._docker.api_version}/containers/{name}/archive"
        with self._translated():
            async with self._session.get(url, params={"path": path}, timeout=STREAM_LIMITS) as response:
                if response.status == HTTPStatus.NOT_FOUND:
                    raise JobInterrupted(
                        f"{path} of {name} cannot be read, because it is not there; clear the run from the "
                        "step that made it."
                    )
                if response.status != HTTPStatus.OK:
                    raise aiodocker.DockerError(response.status, await response.text())
                async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                    yield chunk

    async def run_service(self, spec: ServiceSpec) -> ContainerState:
        with self._translated():
            if await self.inspect(spec.name) is None:  # Docker asks for the image before it looks at the name
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

    def _translated(self) -> AbstractContextManager[None]:
        return translated(self._target)
