"""What a site's VM says of itself, without a shell command: Docker's own answers, and files over SFTP."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

import aiodocker

from edge_training.adapters.docker.config import moment
from edge_training.adapters.ssh.vm_files import VmFiles
from edge_training.ports.site_facts import SiteFacts

GPU_DIR = "/proc/driver/nvidia/gpus"
"""Where NVIDIA's driver shows one directory for each GPU, named by its place on the bus."""
GPU_UUID_LINE = re.compile(r"^GPU UUID:\s*(\S+)", re.MULTILINE)
LIMIT_FLAGS = {"memory": "MemoryLimit", "cpus": "CpuCfsQuota", "pids": "PidsLimit"}
"""What Docker says of each limit in /info; false where the kernel's control group is off."""


async def site_facts(
    docker: aiodocker.Docker, files: VmFiles, boot_id_path: str, gpu_dir: str = GPU_DIR
) -> SiteFacts:
    """Ask Docker and the VM.

    Raises:
        SiteRefused: SFTP does not show what is asked for.
        aiodocker.DockerError: Docker refuses.
        LookupError: Docker's answer lacks a field.
        ValueError: Docker's answer has a field that cannot be read.
    """
    version = await docker.version()
    asked = datetime.now(UTC)
    info: Mapping[str, Any] = await docker.system.info()
    answered = datetime.now(UTC)
    space = await files.space(info["DockerRootDir"])
    return SiteFacts(
        docker_version=str(version["Version"]),
        api_version=str(version["ApiVersion"]),
        memory_bytes=int(info["MemTotal"]),
        cpus=int(info["NCPU"]),
        clock_skew_s=skew_s(str(info["SystemTime"]), asked, answered),
        data_root=str(info["DockerRootDir"]),
        storage_driver=str(info["Driver"]),
        cgroup_version=str(info.get("CgroupVersion", "")),
        free_bytes=space.free_bytes,
        read_only=space.read_only,
        boot_id=await boot_id(files, boot_id_path),
        unlimited=frozenset(limit for limit, flag in LIMIT_FLAGS.items() if not info.get(flag)),
        gpu_ids=await gpu_ids(files, gpu_dir),
    )


async def boot_id(files: VmFiles, path: str) -> str:
    """The VM's boot id.

    Raises:
        SiteRefused: There is none at `path`, or SFTP does not show it.
        SiteUnreachable: The connection is lost.
    """
    return await files.read(path, "correct boot_id_path in the site's connection")


async def gpu_ids(files: VmFiles, gpu_dir: str) -> frozenset[str]:
    """UUIDs of the VM's GPUs."""
    found: set[str] = set()
    for place in await files.names(gpu_dir):
        told = await files.read(str(PurePosixPath(gpu_dir) / place / "information"), "reload NVIDIA's driver")
        found.update(GPU_UUID_LINE.findall(told))
    return frozenset(found)


def skew_s(system_time: str, asked: datetime, answered: datetime) -> float:
    """How far a clock is ahead of ours.

    Args:
        system_time: What it showed, RFC 3339 with nanoseconds.
        asked: Our clock before the question.
        answered: Our clock after the answer.
    """
    return (moment(system_time) - (asked + (answered - asked) / 2)).total_seconds()
