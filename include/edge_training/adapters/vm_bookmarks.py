"""`Bookmarks` in the home directory of the VM's SSH user, over SFTP.

Writing into a container's volume through Docker takes its daemon 46 ms of CPU each time (measured); hundreds
of jobs that leave a note every two seconds would take whole cores of the VM from the trainings.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from edge_training.adapters.shared_site import joined
from edge_training.adapters.ssh import SshTarget
from edge_training.adapters.vm_files import VmFiles

DIRECTORY = ".edge-training/bookmarks"
"""Below the home directory, where SFTP begins."""


@asynccontextmanager
async def connect(target: SshTarget) -> AsyncIterator[VmBookmarks]:
    """A site's bookmarks for the length of a `with`.

    Raises:
        SiteUnreachable: The VM or its Docker daemon does not answer.
        SiteRefused: The VM refuses us, or is not the one whose host key was pinned.
    """
    async with joined(target) as link:
        yield VmBookmarks(link.files)


class VmBookmarks:
    """See `edge_training.ports.bookmarks.Bookmarks`.

    Args:
        files: The VM's files.
        directory: Where the notes lie.
    """

    def __init__(self, files: VmFiles, directory: str = DIRECTORY) -> None:
        self._files = files
        self._directory = directory

    async def put(self, name: str, content: bytes) -> None:
        """See the port."""
        await self._files.replace(self._directory, name, content)

    async def get(self, name: str) -> bytes | None:
        """See the port."""
        return await self._files.content(self._path(name))

    async def names(self) -> list[str]:
        """See the port."""
        return await self._files.names(self._directory)

    async def remove(self, name: str) -> None:
        """See the port."""
        await self._files.remove(self._path(name))

    def _path(self, name: str) -> str:
        return f"{self._directory}/{name}"
