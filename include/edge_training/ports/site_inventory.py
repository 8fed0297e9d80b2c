"""The port to what has piled up on a site: containers, volumes and images of ours, and their removal.

Ours is what carries a label of ours. Nothing here shows, stops or removes anything else, and nothing that is
in use is removed: the engine's own refusal counts, and is an answer, not an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from edge_training.ports.edge_host import Status


@dataclass(frozen=True)
class SiteContainer:
    """A container of ours.

    Attributes:
        id: Stays its own when the name is given to another one.
        name: Its name.
        status: What it does.
        exit_code: How it ended; 0 before.
        labels: Ours, without their prefix.
        created: When, by the site's clock.
        finished: When it last ended; None when it never ran or runs.
        volumes: Volumes that it mounts, whole or in part.
        addresses: Its own addresses in the site's networks.
        peers: Addresses that its hosts file leads to.
    """

    id: str
    name: str
    status: Status
    exit_code: int
    labels: Mapping[str, str]
    created: datetime
    finished: datetime | None = None
    volumes: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    peers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class SiteVolume:
    """A volume of ours.

    Attributes:
        name: Its name.
        labels: Ours, without their prefix.
        created: When, by the site's clock.
        in_use: Whether any container, running or not, mounts it.
    """

    name: str
    labels: Mapping[str, str]
    created: datetime
    in_use: bool


@dataclass(frozen=True)
class SiteImage:
    """An image of ours.

    Attributes:
        id: Its configuration's digest.
        labels: Ours, without their prefix.
        references: How it was pulled, by digest.
        in_use: Whether any container, running or not, was made of it.
        named: Whether somebody gave it a tag of his own.
        unused_since: When it was marked as used by nobody; None without the mark.
    """

    id: str
    labels: Mapping[str, str]
    references: tuple[str, ...]
    in_use: bool
    named: bool
    unused_since: datetime | None


class SiteInventory(Protocol):
    """What has piled up on a site.

    Every call may raise `SiteUnreachable` (try again) or `SiteRefused` (do not).
    """

    async def now(self) -> datetime:
        """The site's clock."""

    async def busy_jobs(self) -> list[SiteContainer]:
        """Jobs that run or have leased a GPU, without what costs a call each: volumes, addresses and ends."""

    async def containers(self) -> list[SiteContainer]:
        """All containers of ours, in whatever state."""

    async def volumes(self) -> list[SiteVolume]:
        """Volumes of ours."""

    async def images(self) -> list[SiteImage]:
        """Images of ours."""

    async def remove_container(self, container_id: str) -> bool:
        """Remove a container that does not run; tells whether it is gone now. Its volumes stay."""

    async def remove_volume(self, name: str) -> bool:
        """Remove a volume that nobody mounts; tells whether it is gone now."""

    async def remove_image(self, image: SiteImage) -> bool:
        """Remove an image that no container was made of; tells whether it is gone now."""

    async def mark_unused(self, image: SiteImage, since: datetime) -> None:
        """Note on the site that nobody uses the image."""

    async def mark_used(self, image: SiteImage) -> None:
        """Take that note away."""
