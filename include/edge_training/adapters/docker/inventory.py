"""`SiteInventory` over the Docker Engine API of the site, on the connection that all of this process share.

Source: Docker Engine API v1.41, `GET /containers/json`, `/volumes`, `/images/json` and `/info`.

That nobody uses an image is noted on the image itself, as a tag `edge-unused/<id>:<time>`: it survives us, is
seen by every Airflow of the site, and takes nothing from the references by digest.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import Any

import aiodocker
from aiodocker.containers import DockerContainer
from aiodocker.volumes import DockerVolume

from edge_training.adapters.docker.config import moment, status_of
from edge_training.adapters.docker.faults import translated
from edge_training.adapters.docker.shared_site import joined
from edge_training.adapters.ssh.target import SshTarget
from edge_training.identity import LABEL_PREFIX
from edge_training.leases import HOLDER_LABEL, LEASE_ROLE
from edge_training.ports.site_inventory import SiteContainer, SiteImage, SiteVolume

JOB_LABEL = f"{LABEL_PREFIX}.step"
LEASE_LABEL = f"{LABEL_PREFIX}.role={LEASE_ROLE}"
UNUSED_REPOSITORY = "edge-unused"
SHORT_ID_LENGTH = 12
MARK_TIME = "%Y%m%dT%H%M%SZ"
NEVER = "0001-01-01T00:00:00Z"
UNNAMED = "<none>"
PARALLEL_CALLS = 8


@asynccontextmanager
async def connect(target: SshTarget) -> AsyncIterator[DockerInventory]:
    """A site's inventory for the length of a `with`.

    Raises:
        SiteUnreachable: The VM or its Docker daemon does not answer.
        SiteRefused: The VM refuses us, or is not the one whose host key was pinned.
    """
    async with joined(target) as link:
        yield DockerInventory(link.target, link.docker)


class DockerInventory:
    """The port `SiteInventory`, see there for what each call means.

    Args:
        target: Where the engine is, for the sentences.
        docker: Its client.
    """

    def __init__(self, target: SshTarget, docker: aiodocker.Docker) -> None:
        self._target = target
        self._docker = docker
        self._calls = asyncio.Semaphore(PARALLEL_CALLS)

    async def now(self) -> datetime:
        with translated(self._target):
            return moment((await self._docker.system.info())["SystemTime"])

    async def busy_jobs(self) -> list[SiteContainer]:
        with translated(self._target):
            rows = await self._rows(label=[JOB_LABEL], status=["running"])
            leases = [ours(row["Labels"]) for row in await self._rows(label=[LEASE_LABEL])]
            holders = {lease[HOLDER_LABEL] for lease in leases} - {listed(row).name for row in rows}
            if holders:  # Docker takes a part of a name for the name
                found = await self._rows(label=[JOB_LABEL], name=sorted(holders))
                rows += [row for row in found if listed(row).name in holders]
        return [listed(row) for row in rows]

    async def containers(self) -> list[SiteContainer]:
        with translated(self._target):
            ids = [row["Id"] for row in await self._rows() if ours(row["Labels"])]
            directories = directories_of(await self._volume_rows())
            shown = await asyncio.gather(*(self._shown(found) for found in ids))
        return [detailed(one, directories) for one in shown if one is not None]

    async def volumes(self) -> list[SiteVolume]:
        with translated(self._target):
            found = await self._volume_rows()
            in_use = volumes_in_use(await self._rows(), directories_of(found))
        return [
            SiteVolume(row["Name"], ours(row["Labels"]), moment(row["CreatedAt"]), row["Name"] in in_use)
            for row in found
            if ours(row["Labels"])
        ]

    async def images(self) -> list[SiteImage]:
        with translated(self._target):
            found = [row for row in await self._docker.images.list() if ours(row["Labels"])]
            in_use = images_in_use(await self._rows())
        return [site_image(row, in_use) for row in found]

    async def remove_container(self, container_id: str) -> bool:
        return await self._removed(self._docker.containers.container(container_id).delete())

    async def remove_volume(self, name: str) -> bool:
        return await self._removed(DockerVolume(self._docker, name).delete())

    async def remove_image(self, image: SiteImage) -> bool:
        """By its references, the marks last: nothing is forced, and what is left is still marked."""
        with translated(self._target):
            if image.id in images_in_use(await self._rows()):
                return False
        references = [*image.references, *await self._marks(image)]
        gone = [await self._removed(self._docker.images.delete(reference)) for reference in references]
        return all(gone)

    async def mark_unused(self, image: SiteImage, since: datetime) -> None:
        repository, _, tag = mark(image.id, since).partition(":")
        with translated(self._target):
            await self._docker.images.tag(image.id, repository, tag=tag)

    async def mark_used(self, image: SiteImage) -> None:
        for found in await self._marks(image):
            await self._removed(self._docker.images.delete(found))

    async def _marks(self, image: SiteImage) -> list[str]:
        """All marks of an image; two Airflows may have marked it."""
        with translated(self._target):
            found = await self._docker.images.list()
        return [
            tag for row in found if row["Id"] == image.id for tag in row["RepoTags"] or [] if is_mark(tag)
        ]

    async def _removed(self, removal: Awaitable[object]) -> bool:
        """Whether something is gone after its removal; a refusal because somebody uses it is an answer."""
        with translated(self._target):
            try:
                await removal
            except aiodocker.DockerError as error:
                if error.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
                    raise
                return error.status == HTTPStatus.NOT_FOUND
        return True

    async def _rows(self, **filters: list[str]) -> list[DockerContainer]:
        return await self._docker.containers.list(all="1", filters=json.dumps(filters))

    async def _shown(self, container_id: str) -> dict[str, Any] | None:
        async with self._calls:
            try:
                return await self._docker.containers.container(container_id).show()
            except aiodocker.DockerError as error:
                if error.status == HTTPStatus.NOT_FOUND:
                    return None  # It went while we looked.
                raise

    async def _volume_rows(self) -> list[dict[str, Any]]:
        return (await self._docker.volumes.list())["Volumes"] or []


def listed(row: DockerContainer) -> SiteContainer:
    """A row of `containers/json`."""
    return SiteContainer(
        id=row["Id"],
        name=row["Names"][0].lstrip("/"),
        status=status_of(row["State"]),
        exit_code=0,
        labels=ours(row["Labels"]),
        created=datetime.fromtimestamp(row["Created"], UTC),
    )


def detailed(shown: Mapping[str, Any], directories: Mapping[PurePosixPath, str]) -> SiteContainer:
    """What `containers/{id}/json` says."""
    state, networks = shown["State"], shown["NetworkSettings"]["Networks"] or {}
    status = status_of(state["Status"])
    ended = status in ("exited", "dead") and state["FinishedAt"] != NEVER
    return SiteContainer(
        id=shown["Id"],
        name=shown["Name"].lstrip("/"),
        status=status,
        exit_code=state["ExitCode"],
        labels=ours(shown["Config"]["Labels"]),
        created=moment(shown["Created"]),
        finished=moment(state["FinishedAt"]) if ended else None,
        volumes=frozenset(mounted(shown["Mounts"], directories)),
        addresses=frozenset(found["IPAddress"] for found in networks.values() if found["IPAddress"]),
        peers=frozenset(line.rpartition(":")[2] for line in shown["HostConfig"]["ExtraHosts"] or []),
    )


def site_image(row: Mapping[str, Any], in_use: Collection[str]) -> SiteImage:
    """A row of `images/json`."""
    tags = [tag for tag in row["RepoTags"] or [] if not tag.startswith(UNNAMED)]
    marks = [moment_of_mark(tag) for tag in tags if is_mark(tag)]
    return SiteImage(
        id=row["Id"],
        labels=ours(row["Labels"]),
        references=tuple(found for found in row["RepoDigests"] or [] if not found.startswith(UNNAMED)),
        in_use=row["Id"] in in_use,
        named=len(tags) > len(marks),
        unused_since=max(marks, default=None),
    )


def directories_of(rows: Iterable[Mapping[str, Any]]) -> dict[PurePosixPath, str]:
    """Volume by its directory on the VM, from the rows of `volumes`."""
    return {PurePosixPath(row["Mountpoint"]): row["Name"] for row in rows}


def volumes_in_use(rows: Iterable[DockerContainer], directories: Mapping[PurePosixPath, str]) -> set[str]:
    """Volumes that any container mounts, ours or not, whole or in part."""
    return {volume for row in rows for volume in mounted(row["Mounts"], directories)}


def images_in_use(rows: Iterable[DockerContainer]) -> set[str]:
    """Images that any container was made of, ours or not."""
    return {row["ImageID"] for row in rows}


def mounted(mounts: Iterable[Mapping[str, Any]], directories: Mapping[PurePosixPath, str]) -> set[str]:
    """The volumes behind a container's mounts; a part of one is mounted as a directory of the VM."""
    found = set()
    for mount in mounts:
        source = PurePosixPath(mount["Source"])
        found |= {directories[place] for place in (source, *source.parents) if place in directories}
        if mount["Type"] == "volume":
            found.add(mount["Name"])
    return found


def ours(labels: Mapping[str, str] | None) -> dict[str, str]:
    """Our labels among some, without their prefix; empty for what is not ours."""
    prefix = f"{LABEL_PREFIX}."
    return {
        name.removeprefix(prefix): value for name, value in (labels or {}).items() if name.startswith(prefix)
    }


def mark(image_id: str, since: datetime) -> str:
    """The tag that says since when nobody uses an image."""
    short = image_id.rpartition(":")[2][:SHORT_ID_LENGTH]
    return f"{UNUSED_REPOSITORY}/{short}:{since.astimezone(UTC).strftime(MARK_TIME)}"


def is_mark(tag: str) -> bool:
    """Whether a tag is such a mark."""
    return tag.startswith(f"{UNUSED_REPOSITORY}/")


def moment_of_mark(tag: str) -> datetime:
    """When the image was marked."""
    return datetime.strptime(tag.rpartition(":")[2], MARK_TIME).replace(tzinfo=UTC)
