"""Pure translation between our values and Docker's Engine API (v1.41): what is asked of the daemon and what
it says.

Source: Docker Engine API v1.41, `POST /containers/create` and `GET /containers/{id}/json`.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from edge_runner.protocol import CODE_DIR, WORK_NAME
from edge_training.adapters.ssh.target import LOOPBACK
from edge_training.identity import CACHE_VOLUME, labels
from edge_training.ports.edge_host import (
    JOB_USER_ID,
    ContainerSpec,
    ContainerState,
    Limits,
    LogLine,
    Mount,
    ServiceSpec,
    Status,
)

CODE_SIZE_BYTES = 64 * 2**20
LONGEST_LINE_CHARS = 2**23
"""More than the longest line that the runner shows, every byte of it escaped."""
RUNNING_STATES = ("running", "paused", "restarting")
LONG_LIVED = {
    "RestartPolicy": {"Name": "unless-stopped"},
    "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
}
"""What a container that runs for months has beside its sandbox. Of a job's log nothing may be missing; of
theirs the end will do.
"""


def job_config(
    spec: ContainerSpec, mount_sources: Mapping[Mount, str], network: str, extra_hosts: list[str]
) -> dict[str, Any]:
    """The body of `containers/create` for an edge job: a sandbox that reads its secrets from standard input.

    Args:
        spec: The job.
        mount_sources: Host directory of each mount that shows only a part of its volume.
        network: `none`, or the storage network's name.
        extra_hosts: Lines for the container's hosts file.
    """
    owner = f"uid={JOB_USER_ID},gid={JOB_USER_ID}"
    host_config = sandbox(spec.limits) | {
        "NetworkMode": network,
        "ExtraHosts": extra_hosts,
        "Mounts": [mount_config(mount, mount_sources.get(mount)) for mount in spec.mounts],
        "Tmpfs": {
            CODE_DIR: f"rw,nosuid,nodev,noexec,size={CODE_SIZE_BYTES},mode=0700,{owner}",
            "/tmp": f"rw,nosuid,nodev,size={spec.limits.scratch_bytes},mode=0700,{owner}",
        },
    }
    return {
        "Image": spec.image,
        "Entrypoint": [],
        "Cmd": list(spec.command),
        "User": f"{JOB_USER_ID}:{JOB_USER_ID}",
        "WorkingDir": "/tmp",
        "Labels": dict(spec.labels),
        "AttachStdin": spec.reads_input,
        "OpenStdin": spec.reads_input,
        "StdinOnce": spec.reads_input,
        "HostConfig": host_config,
    }


def service_config(spec: ServiceSpec) -> dict[str, Any]:
    """The body of `containers/create` for a model service, published on the VM's loopback address only."""
    port = f"{spec.container_port}/tcp"
    binding = {"HostIp": LOOPBACK, "HostPort": str(spec.host_port) if spec.host_port else ""}
    host_config = {
        **sandbox(spec.limits),
        **LONG_LIVED,
        "PortBindings": {port: [binding]},
        "Tmpfs": {"/tmp": f"rw,nosuid,nodev,size={spec.limits.scratch_bytes}"},
    }
    return {
        "Image": spec.image,
        "User": f"{JOB_USER_ID}:{JOB_USER_ID}",
        "Labels": dict(spec.labels),
        "ExposedPorts": {port: {}},
        "HostConfig": host_config,
    }


def sandbox(limits: Limits) -> dict[str, Any]:
    """What every container of ours may not do, and how much it may use."""
    config: dict[str, Any] = {
        "Init": True,
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "NanoCpus": int(limits.cpus * 1e9),
        "Memory": limits.memory_bytes,
        "MemorySwap": limits.memory_bytes,
        "PidsLimit": limits.pids,
        "ShmSize": limits.shared_memory_bytes,
        "LogConfig": {"Type": "json-file", "Config": {}},
    }
    if limits.gpu_ids:
        config["DeviceRequests"] = [
            {"Driver": "nvidia", "DeviceIDs": list(limits.gpu_ids), "Capabilities": [["gpu"]]}
        ]
    return config


def mount_config(mount: Mount, source: str | None) -> dict[str, Any]:
    """One entry of `HostConfig.Mounts`: a volume, or a part of one as the directory it has on the VM.

    Docker makes a volume when it is first mounted; its labels tell housekeeping what it is for. It stays
    root's, whatever the image has at that place: a job must not forge what lies beside its own directory.
    """
    config = {"Target": mount.target, "ReadOnly": mount.read_only}
    if source is not None:
        return config | {"Type": "bind", "Source": source}
    role = labels(role="cache" if mount.volume == CACHE_VOLUME else "job-volume")
    options = {"Labels": role, "NoCopy": True}
    return config | {"Type": "volume", "Source": mount.volume, "VolumeOptions": options}


def container_state(shown: Mapping[str, Any]) -> ContainerState:
    """What `containers/{id}/json` says, in our words."""
    state = shown["State"]
    bindings = [
        binding for found in (shown["NetworkSettings"].get("Ports") or {}).values() for binding in found or []
    ]
    return ContainerState(
        id=shown["Id"],
        name=shown["Name"].lstrip("/"),
        status=status_of(state["Status"]),
        exit_code=state["ExitCode"],
        out_of_memory=state["OOMKilled"],
        image=shown["Config"]["Image"],
        labels=shown["Config"]["Labels"] or {},
        memory_limit_bytes=shown["HostConfig"]["Memory"],
        host_port=int(bindings[0]["HostPort"]) if bindings else None,
    )


def status_of(said: str) -> Status:
    """Docker's word for what a container does, in ours."""
    if said in RUNNING_STATES:
        return "running"
    return "created" if said == "created" else "exited" if said == "exited" else "dead"


def moment(stamp: str) -> datetime:
    """Docker's RFC 3339 stamp, to the microsecond."""
    return datetime.fromisoformat(stamp)


def unix_time(stamp: str) -> str:
    """Docker's RFC 3339 stamp in UTC as the seconds since 1970 that its `since` parameter takes, to the
    nanosecond.
    """
    whole, _, fraction = stamp.removesuffix("Z").partition(".")
    seconds = int(datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp())
    return f"{seconds}.{fraction or '0'}"


class WholeLines:
    """Joins the pieces of about 16 KiB that Docker cuts long lines into; only a line's last piece ends with a
    line break, and all of them carry its stamp.
    """

    def __init__(self) -> None:
        self._stamp = ""
        self._text = ""

    def add(self, stamped: str) -> Iterator[LogLine]:
        """Take one stamped piece; gives the line that it completes."""
        self._stamp, _, text = stamped.partition(" ")
        self._text += text
        if text.endswith("\n") or len(self._text) >= LONGEST_LINE_CHARS:
            yield from self.rest()

    def rest(self) -> Iterator[LogLine]:
        """The line whose end has not come."""
        if self._text:
            yield LogLine(self._stamp, self._text.rstrip("\n"))
            self._text = ""


def whole_lines(pieces: Iterable[str]) -> list[LogLine]:
    """The lines that some stamped pieces are, the last without its end too."""
    lines = WholeLines()
    return [line for piece in pieces for line in lines.add(piece)] + list(lines.rest())


def work_directory() -> bytes:
    """A tar that gives a volume its one directory that the job's user may write."""
    return tar_of([(directory(WORK_NAME, JOB_USER_ID), b"")])


def file_tar(path: str, content: bytes) -> bytes:
    """A tar of one root-owned file that everyone reads, and of the directories it lies in."""
    member = tarfile.TarInfo(path)
    member.size, member.mode = len(content), 0o644
    above = [directory(str(parent), 0) for parent in reversed(PurePosixPath(path).parents[:-1])]
    return tar_of([*((found, b"") for found in above), (member, content)])


def directories_of(archive: Path, path: str) -> bytes:
    """A tar of the root-owned directories that the files of another one will lie in, below `path`.

    Docker makes those that are missing, but for everybody to write in.
    """
    with tarfile.open(archive, mode="r:") as files:
        places = {parent for name in files.getnames() for parent in PurePosixPath(path, name).parents}
    found = sorted(str(place) for place in places if place.name)
    return tar_of([(directory(place, 0), b"") for place in found])


def directory(path: str, owner_id: int) -> tarfile.TarInfo:
    """A directory that only its owner writes."""
    member = tarfile.TarInfo(path)
    member.type, member.mode, member.uid, member.gid = tarfile.DIRTYPE, 0o755, owner_id, owner_id
    return member


def tar_of(members: Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """A tar of these members."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def files_of(archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    """Name and content of the plain files of a tar."""
    for member in archive:
        if content := archive.extractfile(member) if member.isfile() else None:
            yield PurePosixPath(member.name).name, content.read()
