"""What has piled up on a site, in memory, beside the in-memory engine.

Obeys tests/contract/test_site_inventory.py like the real one.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from tests.fakes.edge_host import Container, InMemoryEdgeHost

from edge_training.identity import CACHE_VOLUME, LABEL_PREFIX
from edge_training.ports.edge_host import ContainerSpec
from edge_training.ports.site_inventory import SiteContainer, SiteImage, SiteVolume

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class InMemorySiteInventory:
    """Implements `SiteInventory`.

    Attributes:
        clock: The site's.
        created: When a container or volume was created, by name; just now when it is not said.
        finished: When a container ended, by name; just now when it is not said.
        peers: Where a container's hosts file leads to, by name.
        addresses: A container's own addresses, by name.
        stored: Images of ours by id; `in_use` is what the containers say.
    """

    def __init__(self, host: InMemoryEdgeHost) -> None:
        self._host = host
        self.clock = NOW
        self.created: dict[str, datetime] = {}
        self.finished: dict[str, datetime] = {}
        self.peers: dict[str, str] = {}
        self.addresses: dict[str, str] = {}
        self.stored: dict[str, SiteImage] = {}

    async def now(self) -> datetime:
        """See `SiteInventory.now`."""
        return self.clock

    async def busy_jobs(self) -> list[SiteContainer]:
        """See `SiteInventory.busy_jobs`."""
        found = await self.containers()
        holders = {one.labels["job"] for one in found if one.labels.get("role") == "gpu-lease"}
        return [
            job for job in found if "step" in job.labels and (job.status == "running" or job.name in holders)
        ]

    async def containers(self) -> list[SiteContainer]:
        """See `SiteInventory.containers`."""
        shown = [self._shown(name, found) for name, found in self._host.containers.items()]
        return [container for container in shown if container.labels]

    async def volumes(self) -> list[SiteVolume]:
        """See `SiteInventory.volumes`."""
        in_use = self._volumes_in_use()
        return [
            SiteVolume(
                name,
                {"role": "cache" if name == CACHE_VOLUME else "job-volume"},
                self.created.get(name, self.clock),
                name in in_use,
            )
            for name in self._host.volumes
        ]

    async def images(self) -> list[SiteImage]:
        """See `SiteInventory.images`."""
        return [replace(image, in_use=self._is_used(image)) for image in self.stored.values()]

    async def remove_container(self, container_id: str) -> bool:
        """See `SiteInventory.remove_container`."""
        for name, found in list(self._host.containers.items()):
            if found.id == container_id:
                if found.status == "running":
                    return False
                await self._host.remove(name)
        return True

    async def remove_volume(self, name: str) -> bool:
        """See `SiteInventory.remove_volume`."""
        if name in self._volumes_in_use():
            return False
        self._host.volumes.pop(name, None)
        return True

    async def remove_image(self, image: SiteImage) -> bool:
        """See `SiteInventory.remove_image`."""
        if self._is_used(image):
            return False
        self.stored.pop(image.id, None)
        return True

    async def mark_unused(self, image: SiteImage, since: datetime) -> None:
        """See `SiteInventory.mark_unused`."""
        self.stored[image.id] = replace(image, unused_since=since)

    async def mark_used(self, image: SiteImage) -> None:
        """See `SiteInventory.mark_used`."""
        self.stored[image.id] = replace(image, unused_since=None)

    def _shown(self, name: str, found: Container) -> SiteContainer:
        prefix = f"{LABEL_PREFIX}."
        return SiteContainer(
            id=found.id,
            name=name,
            status=found.status,
            exit_code=found.exit_code,
            labels={
                label.removeprefix(prefix): value
                for label, value in found.spec.labels.items()
                if label.startswith(prefix)
            },
            created=self.created.get(name, self.clock),
            finished=self.finished.get(name, self.clock) if found.status in ("exited", "dead") else None,
            volumes=frozenset(mounted(found)),
            addresses=frozenset({self.addresses[name]} if name in self.addresses else ()),
            peers=frozenset({self.peers[name]} if name in self.peers else ()),
        )

    def _volumes_in_use(self) -> set[str]:
        return {volume for found in self._host.containers.values() for volume in mounted(found)}

    def _is_used(self, image: SiteImage) -> bool:
        names = {image.id, *image.references}
        return any(found.spec.image in names for found in self._host.containers.values())


def mounted(container: Container) -> set[str]:
    """Volumes that a container mounts, whole or in part."""
    spec = container.spec
    return {mount.volume for mount in spec.mounts} if isinstance(spec, ContainerSpec) else set()
