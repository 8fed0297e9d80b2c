"""The port to a site's Docker engine: the few calls that every step on a site is made of.

All calls are asynchronous, so that workers and triggers share one client. Each call is safe to repeat; only
`wait` and `logs` wait for a job. Lost connections surface as `SiteUnreachable`. A stream holds a channel of
the connection until it is closed (`aclosing`).
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from edge_training.errors import BadRequest
from edge_training.ports.site_facts import FactsSource

JOB_USER_ID = 65532
"""Numeric user and group of every container; `nonroot` of the distroless images."""

HOST_GATEWAY = "host-gateway"
"""Docker's word for the VM itself, where a forwarder dials it."""

GPU_UUID = re.compile(r"GPU-[0-9A-Za-z-]+")

Status = Literal["created", "running", "exited", "dead"]


@dataclass(frozen=True)
class Mount:
    """A volume of the site, seen by a container.

    Attributes:
        volume: The Docker volume's name.
        target: Absolute path in the container.
        subpath: Directory inside the volume; empty for the volume itself. Must exist when the container
            is created.
        read_only: Whether the container may only read it.
    """

    volume: str
    target: str
    subpath: str = ""
    read_only: bool = True


@dataclass(frozen=True)
class Limits:
    """What a container may use.

    Attributes:
        cpus: CPUs, fractions too.
        memory_bytes: Memory, swap included; at its end the kernel ends the step.
        pids: Processes and threads.
        shared_memory_bytes: Size of `/dev/shm`.
        scratch_bytes: Size of `/tmp`, which lies in memory.
        gpu_ids: UUIDs of whole GPUs, as `nvidia-smi -L` shows them; never two containers have one at a time.
    """

    cpus: float = 1.0
    memory_bytes: int = 2 * 2**30
    pids: int = 256
    shared_memory_bytes: int = 64 * 2**20
    scratch_bytes: int = 512 * 2**20
    gpu_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse another name of a GPU: two names of one would be two leases.

        Raises:
            BadRequest: A GPU is not named by its UUID.
        """
        if wrong := [gpu for gpu in self.gpu_ids if not GPU_UUID.fullmatch(gpu)]:
            raise BadRequest(
                f"gpu_ids has {', '.join(map(repr, wrong))}; name each GPU by its UUID (GPU-...), as "
                "`nvidia-smi -L` on the VM shows it."
            )


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class BlobForward:
    """The one address that a container on the storage network can reach.

    Attributes:
        host: The blob store's host name, as its certificate says.
        port: Its TCP port.
        address: What the forwarder dials for it: a name or address that the VM resolves, or
            `host-gateway` for the VM itself.
        image: The image the forwarder runs in; any with Python.
        proxy: `http://host:port` of the proxy that it goes through; empty for none.
    """

    host: str
    port: int
    address: str
    image: str
    proxy: str = ""


@dataclass(frozen=True)
class ContainerSpec:
    """Everything Docker is told about a job's container.

    Attributes:
        name: The container's name; Docker's refusal of a second one is the lock.
        image: Image reference by digest.
        command: The command.
        mounts: Volumes; those that are not read-only are prepared for the job's user before the start.
        storage: The blob store to reach, or None for no network at all.
        limits: CPU, memory and the like.
        labels: What housekeeping needs to know.
        reads_input: Whether it takes a message on its standard input when it starts.
    """

    name: str
    image: str
    command: tuple[str, ...]
    mounts: tuple[Mount, ...] = ()
    storage: BlobForward | None = None
    limits: Limits = DEFAULT_LIMITS
    labels: Mapping[str, str] = field(default_factory=dict)
    reads_input: bool = False


@dataclass(frozen=True)
class ServiceSpec:
    """A long-running model service, published on the VM's loopback address.

    Attributes:
        name: The container's name.
        image: Serving image by digest.
        container_port: TCP port the image's server listens on.
        host_port: TCP port on the VM's loopback address; 0 lets Docker choose one.
        limits: CPU, memory and the like.
        labels: Model, version and the like.
    """

    name: str
    image: str
    container_port: int
    host_port: int
    limits: Limits = DEFAULT_LIMITS
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ContainerState:
    """What Docker says of a container; `id` stays its own when `name` is given to another one."""

    id: str
    name: str
    status: Status
    exit_code: int
    out_of_memory: bool
    image: str
    labels: Mapping[str, str]
    memory_limit_bytes: int
    host_port: int | None = None


@dataclass(frozen=True)
class LogLine:
    """One line of a container's output; `time` is Docker's RFC 3339 stamp with nanoseconds."""

    time: str
    text: str


@dataclass(frozen=True)
class RegistryLogin:
    """Who pulls an image; sent to the daemon in a header and stored nowhere."""

    registry: str
    user: str
    password: str = field(repr=False)


class EdgeHost(FactsSource, Protocol):
    """A site's Docker engine.

    Every call may raise `SiteUnreachable` (try again) or `SiteRefused` (do not).
    """

    async def inspect(self, name: str) -> ContainerState | None:
        """What Docker says of the container, or None when there is none."""

    async def ensure_image(self, reference: str, login: RegistryLogin | None) -> None:
        """Pull the image unless the site has it.

        Raises:
            ImageMissing: The registry does not have it or refuses the login.
        """

    async def create(self, spec: ContainerSpec) -> bool:
        """Create the container; False when the name is taken.

        Raises:
            ImageMissing: The site does not have the image.
            BadRequest: The site no longer has a volume, or the part of one, that an earlier step left.
        """

    async def prepare(self, spec: ContainerSpec) -> None:
        """Give each writable volume of a container that does not run the directory its user may write."""

    async def start(self, name: str, message: bytes = b"") -> None:
        """Start a container that does not run; deliver `message`, unless empty, on its standard input.

        Raises:
            SecretsNeeded: It ended before the message had arrived.
        """

    async def deliver(self, name: str, command: Sequence[str], message: bytes) -> bool:
        """Run a command beside a running job, in its container and with `message` on standard input.

        Returns:
            Whether it has said that the message arrived; False too when the job does not run.
        """

    async def wait(self, name: str) -> ContainerState:
        """Return when the container no longer runs."""

    def logs(self, name: str, since: str) -> AsyncGenerator[LogLine, None]:
        """The container's lines from the stamp `since` on (inclusive), all of them when it is empty, until it
        no longer runs.
        """

    async def tail(self, name: str, count: int) -> list[LogLine]:
        """The container's last lines, at most `count`, running or not; a very long line counts as several."""

    async def stop(self, name: str, grace_s: int) -> None:
        """SIGTERM, then SIGKILL after the grace period; nothing when there is no such container."""

    async def remove(self, name_or_id: str) -> None:
        """Remove the container, stopped or not; its volumes stay. Nothing when there is none."""

    async def rename(self, name_or_id: str, new_name: str) -> bool:
        """Give the container another name; tells whether it has that name now: it may be taken."""

    async def read_file(self, name: str, path: str) -> bytes | None:
        """A small file of a container, running or not; None when there is none."""

    async def read_directory(self, name: str, path: str) -> dict[str, bytes]:
        """The small files of a directory of a container, by name; none when there is no such directory."""

    async def write_file(self, name: str, volume_dir: str, path: str, content: bytes) -> None:
        """Place a small root-owned file at `path` below `volume_dir`, where a writable volume of the
        container is mounted; missing directories on the way are made.
        """

    async def unpack(self, name: str, volume_dir: str, path: str, archive: Path) -> None:
        """Place the files of an uncompressed tar below the directory `path`, as `write_file` does; a piece at
        a time, so that it may be of any size. It is not atomic: who reads the files checks them.
        """

    def stream_directory(self, name: str, path: str) -> AsyncGenerator[bytes, None]:
        """A directory, or one file, of a container as a tar stream.

        Raises:
            JobInterrupted: It is not there.
        """

    async def run_service(self, spec: ServiceSpec) -> ContainerState:
        """Create the service unless its name is taken, then start it; it restarts with the daemon.

        Raises:
            ImageMissing: It has to be created, and the site does not have the image.
        """

    async def http_status(self, host_port: int, path: str) -> int | None:
        """What a loopback port of the VM answers to GET; None when nobody does."""
