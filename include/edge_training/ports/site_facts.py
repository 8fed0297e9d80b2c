"""The port to what a site's VM says of itself: asked before a training, and to tell a reboot from a fault."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class SiteFacts:
    """A VM and its Docker engine, at one moment.

    Attributes:
        docker_version: The engine's version, e.g. `20.10.24+dfsg1`.
        api_version: The newest version of Docker's API that it speaks.
        memory_bytes: All memory of the VM.
        cpus: CPUs of the VM.
        clock_skew_s: How far the VM's clock is ahead of ours; negative where it is behind. Half a round trip
            uncertain.
        data_root: Directory where Docker keeps images, containers and volumes.
        storage_driver: How it stores layers.
        cgroup_version: `1` or `2`.
        free_bytes: Free in the file system of `data_root`.
        read_only: Whether that file system is mounted read-only.
        boot_id: Changes with every boot of the VM and only then.
        unlimited: What Docker cannot limit on this kernel: of `memory`, `cpus`, `pids`.
        gpu_ids: UUIDs of the VM's NVIDIA GPUs.
    """

    docker_version: str
    api_version: str
    memory_bytes: int
    cpus: int
    clock_skew_s: float
    data_root: str
    storage_driver: str
    cgroup_version: str
    free_bytes: int
    read_only: bool
    boot_id: str
    unlimited: frozenset[str] = frozenset()
    gpu_ids: frozenset[str] = frozenset()


class FactsSource(Protocol):
    """Who can be asked. Every call may raise `SiteUnreachable` (try again) or `SiteRefused` (do not)."""

    async def facts(self) -> SiteFacts:
        """What the VM says of itself now."""

    async def boot_id(self) -> str:
        """The boot id alone: one short question, asked often."""
