"""A site's Docker engine in memory; obeys tests/contract/test_edge_host.py like the real one.

What a container would do is scripted: `outcomes` holds the ends of a container's coming starts, `healthy` the
images whose service answers.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import itertools
import json
import tarfile
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from edge_runner import protocol
from edge_training.errors import BadRequest, ImageMissing, JobInterrupted, SiteRefused, SiteUnreachable
from edge_training.ports.edge_host import (
    ContainerSpec,
    ContainerState,
    LogLine,
    Mount,
    RegistryLogin,
    ServiceSpec,
    Status,
)

STOPPED_BY_SIGTERM = 143


@dataclass(frozen=True)
class Outcome:
    """How a job's container goes once its work has arrived.

    Attributes:
        exit_code: How it ends.
        result: Its `result.json`; None for none.
        files: What else it leaves in its work directory.
        lines: What it writes.
        out_of_memory: Whether the kernel ended it.
        runs: Whether it goes on until it is stopped.
    """

    exit_code: int = 0
    result: bytes | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    out_of_memory: bool = False
    runs: bool = False


@dataclass
class Container:
    """One row of the container table."""

    spec: ContainerSpec | ServiceSpec
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    status: Status = "created"
    exit_code: int = 0
    out_of_memory: bool = False
    lines: list[LogLine] = field(default_factory=list)
    host_port: int | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self, exit_code: int, out_of_memory: bool = False) -> None:
        """The container's last moment."""
        self.status, self.exit_code, self.out_of_memory = "exited", exit_code, out_of_memory
        self.ended.set()


class InMemoryEdgeHost:
    """Implements `EdgeHost`.

    Attributes:
        images: What the site has.
        pullable: What its registry has.
        healthy: Images whose service answers 200.
        containers: By name.
        volumes: Files by path, by volume.
        outcomes: What the coming starts of a container lead to, by its name; success when there are none.
    """

    def __init__(self, images: set[str], pullable: set[str] = frozenset()) -> None:
        self.images = set(images)
        self.pullable = set(pullable)
        self.healthy: set[str] = set()
        self.containers: dict[str, Container] = {}
        self.volumes: dict[str, dict[str, bytes]] = {}
        self.outcomes: dict[str, list[Outcome]] = {}
        self._clock = itertools.count(1)
        self._ports = itertools.count(32768)

    async def inspect(self, name: str) -> ContainerState | None:
        """See `EdgeHost.inspect`."""
        found = self.containers.get(name)
        if found is None:
            return None
        return ContainerState(
            id=found.id,
            name=name,
            status=found.status,
            exit_code=found.exit_code,
            out_of_memory=found.out_of_memory,
            image=found.spec.image,
            labels=dict(found.spec.labels),
            memory_limit_bytes=found.spec.limits.memory_bytes,
            host_port=found.host_port if found.status == "running" else None,
        )

    async def ensure_image(self, reference: str, login: RegistryLogin | None) -> None:
        """See `EdgeHost.ensure_image`."""
        if reference not in self.images | self.pullable:
            raise ImageMissing(f"The site cannot get the image {reference}.")
        self.images.add(reference)

    async def create(self, spec: ContainerSpec) -> bool:
        """See `EdgeHost.create`."""
        for mount in spec.mounts:
            self._provide(mount)
        return self._create(spec)

    def _provide(self, mount: Mount) -> None:
        if not mount.subpath:
            self.volumes.setdefault(mount.volume, {})
            return
        files = self.volumes.get(mount.volume)
        if files is None or not any(path.startswith(f"{mount.subpath}/") for path in files):
            raise BadRequest(f"The site no longer has {mount.subpath} in the volume {mount.volume}.")

    def _create(self, spec: ContainerSpec | ServiceSpec) -> bool:
        if spec.name in self.containers:
            return False
        if spec.image not in self.images:
            raise ImageMissing(f"The site does not have the image {spec.image}.")
        self.containers[spec.name] = Container(spec)
        return True

    async def start(self, spec: ContainerSpec, payload: bytes) -> None:
        """See `EdgeHost.start`; checks the payload as `bootstrap.py` does."""
        container = self._existing(spec.name)
        container.status = "running"
        header, _, work = payload.partition(b"\n")
        if hashlib.sha256(work).hexdigest() != json.loads(header)["sha256"]:
            container.end(protocol.EXIT_NOT_DELIVERED)
            raise JobInterrupted(f"{spec.name} ended before its input arrived.")
        coming = self.outcomes.get(spec.name)
        self._play(container, spec, coming.pop(0) if coming else Outcome(result=success({})))

    def _play(self, container: Container, spec: ContainerSpec, outcome: Outcome) -> None:
        files = dict(outcome.files)
        if outcome.result is not None:
            files[protocol.RESULT_NAME] = outcome.result
        for path, content in files.items():
            self.volumes[spec.name][f"{protocol.WORK_NAME}/{path}"] = content
        container.lines += [LogLine(f"{next(self._clock):09d}", text) for text in outcome.lines]
        if not outcome.runs:
            container.end(outcome.exit_code, outcome.out_of_memory)

    async def wait(self, name: str) -> ContainerState:
        """See `EdgeHost.wait`."""
        await self._existing(name).ended.wait()
        state = await self.inspect(name)
        if state is None:
            raise JobInterrupted(f"The container {name} was removed while it was watched.")
        return state

    async def logs(self, name: str, since: str, follow: bool) -> AsyncIterator[LogLine]:
        """See `EdgeHost.logs`."""
        container = self._existing(name)
        for line in container.lines:
            if line.time >= since:
                yield line
        if follow:
            await container.ended.wait()

    async def stop(self, name: str, grace_s: int) -> None:
        """See `EdgeHost.stop`."""
        found = self.containers.get(name)
        if found is not None and found.status == "running":
            found.end(STOPPED_BY_SIGTERM)

    async def remove(self, name: str) -> None:
        """See `EdgeHost.remove`."""
        if found := self.containers.pop(name, None):
            found.ended.set()

    async def rename(self, name_or_id: str, new_name: str) -> None:
        """See `EdgeHost.rename`."""
        name = next((n for n, known in self.containers.items() if name_or_id in (n, known.id)), None)
        if name is None:
            return
        if new_name in self.containers:
            raise SiteRefused(f"The name {new_name} is taken.")
        self.containers[new_name] = self.containers.pop(name)

    async def read_file(self, name: str, path: str) -> bytes | None:
        """See `EdgeHost.read_file`."""
        if name not in self.containers:
            return None
        volume, inner = self._locate(name, path)
        return volume.get(inner)

    async def write_file(self, name: str, path: str, content: bytes) -> None:
        """See `EdgeHost.write_file`."""
        volume, inner = self._locate(name, path)
        volume[inner] = content

    async def stream_directory(self, name: str, path: str) -> AsyncIterator[bytes]:
        """See `EdgeHost.stream_directory`."""
        volume, inner = self._locate(name, path)
        files = {found[len(inner) + 1 :]: volume[found] for found in volume if found.startswith(f"{inner}/")}
        if not files:
            raise JobInterrupted(f"{path} of {name} cannot be read.")
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for file, content in files.items():
                member = tarfile.TarInfo(f"{PurePosixPath(path).name}/{file}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        yield buffer.getvalue()

    async def run_service(self, spec: ServiceSpec) -> ContainerState:
        """See `EdgeHost.run_service`."""
        self._create(spec)
        service = self._existing(spec.name)
        if service.status != "running":
            port = service.spec.host_port or next(self._ports)
            if any(port == other.host_port for other in self._running()):
                raise SiteUnreachable(f"Docker does not answer (port {port} is already allocated).")
            service.status, service.host_port = "running", port
            service.ended.clear()
        state = await self.inspect(spec.name)
        assert state is not None
        return state

    async def http_status(self, host_port: int, path: str) -> int | None:
        """See `EdgeHost.http_status`."""
        answering = [
            service
            for service in self._running()
            if service.host_port == host_port and service.spec.image in self.healthy
        ]
        return 200 if answering else None

    def _running(self) -> list[Container]:
        return [container for container in self.containers.values() if container.status == "running"]

    def _existing(self, name: str) -> Container:
        if name not in self.containers:
            raise JobInterrupted(f"No such container: {name}.")
        return self.containers[name]

    def _locate(self, name: str, path: str) -> tuple[dict[str, bytes], str]:
        """The volume behind a path of a container, and the path in it."""
        spec = self._existing(name).spec
        for mount in spec.mounts if isinstance(spec, ContainerSpec) else ():
            if PurePosixPath(path).is_relative_to(mount.target):
                inner = PurePosixPath(mount.subpath) / PurePosixPath(path).relative_to(mount.target)
                return self.volumes[mount.volume], str(inner)
        return {}, path


def success(value: Mapping[str, object]) -> bytes:
    """The result of a job that went well."""
    return protocol.canonical_json(protocol.succeeded("scripted", value))


def refusal(kind: str, message: str, details: dict[str, object] | None = None) -> bytes:
    """The result of a job that ended with a sentence."""
    return protocol.canonical_json(
        protocol.refused("scripted", protocol.StepError(kind, message, details or {}))
    )


class Crash(Exception):
    """The worker is gone."""


class CrashingHost:
    """A worker's view of a host that ends with the worker, before call number `calls` + 1.

    Attributes:
        calls_left: How many calls still get through.
    """

    def __init__(self, host: InMemoryEdgeHost, calls: int) -> None:
        self._host = host
        self.calls_left = calls

    def __getattr__(self, name: str):
        method = getattr(self._host, name)

        def counted(*args: object, **kwargs: object):
            if self.calls_left == 0:
                raise Crash
            self.calls_left -= 1
            return method(*args, **kwargs)

        return counted
