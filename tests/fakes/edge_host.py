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
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from edge_runner import protocol
from edge_runner.frames import Line
from edge_training.errors import BadRequest, ImageMissing, JobInterrupted, SecretsNeeded, SiteUnreachable
from edge_training.ports.edge_host import (
    ContainerSpec,
    ContainerState,
    LogLine,
    Mount,
    RegistryLogin,
    ServiceSpec,
    Status,
)
from edge_training.ports.site_facts import SiteFacts

STOPPED_BY_SIGTERM = 143
A_MACHINE = SiteFacts(
    docker_version="20.10.24",
    api_version="1.41",
    memory_bytes=64 * 2**30,
    cpus=16,
    clock_skew_s=0.0,
    data_root="/var/lib/docker",
    storage_driver="overlay2",
    cgroup_version="2",
    free_bytes=2**40,
    read_only=False,
    boot_id="",
)


@dataclass(frozen=True)
class Outcome:
    """How a job's container goes once its work has arrived.

    Attributes:
        exit_code: How it ends.
        result: Its `result.json`; None for none.
        files: What else it leaves in its work directory.
        lines: What it writes, as its supervisor frames it.
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
        messages: What a container was given at its starts, by its name.
        delivered: What commands beside a running container were given, by its name.
        boot: The VM's boot id.
        machine: What else the VM says of itself.
        outcomes: What the coming starts of a container lead to, by its name; success when there are none.
    """

    def __init__(self, images: set[str], pullable: set[str] = frozenset()) -> None:
        self.images = set(images)
        self.pullable = set(pullable)
        self.healthy: set[str] = set()
        self.containers: dict[str, Container] = {}
        self.volumes: dict[str, dict[str, bytes]] = {}
        self.outcomes: dict[str, list[Outcome]] = {}
        self.messages: dict[str, list[bytes]] = {}
        self.delivered: dict[str, list[bytes]] = {}
        self.boot = "boot-1"
        self.machine = A_MACHINE
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

    async def prepare(self, spec: ContainerSpec) -> None:
        """See `EdgeHost.prepare`."""
        self._existing(spec.name)

    async def start(self, name: str, message: bytes = b"") -> None:
        """See `EdgeHost.start`; checks payload and message as `bootstrap.py` does."""
        container = self._existing(name)
        if container.status == "running":
            return
        container.status = "running"
        container.ended.clear()
        if not is_whole(self.volumes[name].get(protocol.PAYLOAD_NAME)):
            container.end(protocol.EXIT_NOT_DELIVERED)
            return
        if message and not is_whole(message):
            container.end(protocol.EXIT_NOT_DELIVERED)
            raise SecretsNeeded(f"{name} ended before its input arrived.")
        if message:
            self.messages.setdefault(name, []).append(message.partition(b"\n")[2])
        coming = self.outcomes.get(name)
        self._play(container, coming.pop(0) if coming else Outcome(result=success({})))

    async def deliver(self, name: str, command: Sequence[str], message: bytes) -> bool:
        """See `EdgeHost.deliver`."""
        container = self.containers.get(name)
        if container is None or container.status != "running" or not is_whole(message):
            return False
        self.delivered.setdefault(name, []).append(message.partition(b"\n")[2])
        return True

    def _play(self, container: Container, outcome: Outcome) -> None:
        volume = self.volumes[container.spec.name]
        volume.pop(f"{protocol.WORK_NAME}/{protocol.RESULT_NAME}", None)
        files = dict(outcome.files)
        if outcome.result is not None:
            files[protocol.RESULT_NAME] = outcome.result
        for path, content in files.items():
            volume[f"{protocol.WORK_NAME}/{path}"] = content
        for text in outcome.lines:
            self._write(container, text)
        if not outcome.runs:
            self._write_ending(volume)
            container.end(outcome.exit_code, outcome.out_of_memory)

    def _write_ending(self, volume: dict[str, bytes]) -> None:
        log = volume.get(f"{protocol.WORK_NAME}/{protocol.LOG_NAME}", b"")
        described = {"size_bytes": len(log), "sha256": hashlib.sha256(log).hexdigest()}
        ending = {"log": described, "memory_peak_bytes": None}
        volume[f"{protocol.WORK_NAME}/{protocol.ENDING_NAME}"] = protocol.canonical_json(ending)

    def _write(self, container: Container, text: str) -> None:
        """One line into the raw log, and its frame into Docker's."""
        log = f"{protocol.WORK_NAME}/{protocol.LOG_NAME}"
        volume = self.volumes[container.spec.name]
        start = len(volume.get(log, b""))
        volume[log] = volume.get(log, b"") + text.encode() + b"\n"
        frame = Line(start, len(volume[log]), text)
        container.lines.append(LogLine(f"{next(self._clock):09d}", frame.encoded()))

    async def wait(self, name: str) -> ContainerState:
        """See `EdgeHost.wait`."""
        await self._existing(name).ended.wait()
        state = await self.inspect(name)
        if state is None:
            raise JobInterrupted(f"The container {name} was removed while it was watched.")
        return state

    async def logs(self, name: str, since: str) -> AsyncGenerator[LogLine, None]:
        """See `EdgeHost.logs`."""
        container = self._existing(name)
        for line in container.lines:
            if line.time >= since:
                yield line
        if container.status == "running":
            await container.ended.wait()

    async def tail(self, name: str, count: int) -> list[LogLine]:
        """See `EdgeHost.tail`."""
        return self._existing(name).lines[-count:]

    async def stop(self, name: str, grace_s: int) -> None:
        """See `EdgeHost.stop`."""
        found = self.containers.get(name)
        if found is not None and found.status == "running":
            found.end(STOPPED_BY_SIGTERM)

    async def remove(self, name_or_id: str) -> None:
        """See `EdgeHost.remove`."""
        if found := self.containers.pop(self._name_of(name_or_id), None):
            found.ended.set()

    async def rename(self, name_or_id: str, new_name: str) -> bool:
        """See `EdgeHost.rename`."""
        name = self._name_of(name_or_id)
        if name in self.containers and new_name not in self.containers:
            self.containers[new_name] = self.containers.pop(name)
            return True
        return name == new_name and name in self.containers

    async def read_file(self, name: str, path: str) -> bytes | None:
        """See `EdgeHost.read_file`."""
        if name not in self.containers:
            return None
        volume, inner = self._locate(name, path)
        return volume.get(inner)

    async def read_directory(self, name: str, path: str) -> dict[str, bytes]:
        """See `EdgeHost.read_directory`."""
        if name not in self.containers:
            return {}
        volume, inner = self._locate(name, path)
        return {found.rpartition("/")[2]: volume[found] for found in volume if found.startswith(f"{inner}/")}

    async def write_file(self, name: str, volume_dir: str, path: str, content: bytes) -> None:
        """See `EdgeHost.write_file`."""
        volume, inner = self._locate(name, f"{volume_dir}/{path}")
        volume[inner] = content

    async def unpack(self, name: str, volume_dir: str, path: str, archive: Path) -> None:
        """See `EdgeHost.unpack`."""
        with tarfile.open(archive) as files:
            for member in files:
                if content := files.extractfile(member):
                    await self.write_file(name, volume_dir, f"{path}/{member.name}", content.read())

    async def boot_id(self) -> str:
        """See `FactsSource.boot_id`."""
        return self.boot

    async def facts(self) -> SiteFacts:
        """See `FactsSource.facts`."""
        return replace(self.machine, boot_id=self.boot)

    async def stream_directory(self, name: str, path: str) -> AsyncGenerator[bytes, None]:
        """See `EdgeHost.stream_directory`."""
        volume, inner = self._locate(name, path)
        top = PurePosixPath(path).name
        files = (
            {top: volume[inner]}
            if inner in volume
            else {
                f"{top}/{found[len(inner) + 1 :]}": volume[found]
                for found in volume
                if found.startswith(f"{inner}/")
            }
        )
        if not files:
            raise JobInterrupted(f"{path} of {name} cannot be read.")
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for file, content in files.items():
                member = tarfile.TarInfo(file)
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

    def _name_of(self, name_or_id: str) -> str:
        return next((n for n, known in self.containers.items() if name_or_id in (n, known.id)), "")

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


def is_whole(announced: bytes | None) -> bool:
    """Whether a header line is followed by the bytes it announces."""
    header, _, content = (announced or b"").partition(b"\n")
    return bool(header) and hashlib.sha256(content).hexdigest() == json.loads(header)["sha256"]


def success(value: Mapping[str, object]) -> bytes:
    """The result of a job that went well."""
    return protocol.canonical_json(protocol.succeeded("scripted", value, "a container"))


def refusal(kind: str, message: str, details: dict[str, object] | None = None) -> bytes:
    """The result of a job that ended with a sentence."""
    return protocol.canonical_json(
        protocol.refused("scripted", protocol.StepError(kind, message, details or {}))
    )
