"""`Bookmarks` in the home directory of the VM's SSH user, over SFTP.

Writing into a container's volume through Docker takes its daemon 46 ms of CPU each time (measured); hundreds
of jobs that leave a note every two seconds would take whole cores of the VM from the trainings.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from edge_training.adapters.docker.shared_site import joined
from edge_training.adapters.ssh.target import SshTarget
from edge_training.adapters.ssh.vm_files import VmFiles
from edge_training.errors import SiteRefused

T = TypeVar("T")
CALL_LIMIT_S = 10.0
"""sshd answers keepalives while a home directory on a network file system hangs: the line says nothing."""
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
        yield VmBookmarks(link.notes)


class VmBookmarks:
    """See `edge_training.ports.bookmarks.Bookmarks`. A call that gets no answer in time is a refusal.

    Args:
        files: The VM's files.
        directory: Where the notes lie.
        limit_s: How long a call may take.
    """

    def __init__(self, files: VmFiles, directory: str = DIRECTORY, limit_s: float = CALL_LIMIT_S) -> None:
        self._files = files
        self._directory = directory
        self._limit_s = limit_s

    async def put(self, name: str, content: bytes) -> None:
        """See the port."""
        await self._in_time(self._files.replace(self._directory, name, content))

    async def get(self, name: str) -> bytes | None:
        """See the port."""
        return await self._in_time(self._files.content(self._path(name)))

    async def names(self) -> list[str]:
        """See the port."""
        return await self._in_time(self._files.names(self._directory))

    async def remove(self, name: str) -> None:
        """See the port."""
        await self._in_time(self._files.remove(self._path(name)))

    async def _in_time(self, call: Coroutine[Any, Any, T]) -> T:
        """The call's answer.

        A call that hangs is left to itself: also when it is cancelled it waits, for its file to be closed.

        Raises:
            SiteRefused: There is none in time.
        """
        answering = asyncio.create_task(call)
        answering.add_done_callback(heard)
        try:
            done, _ = await asyncio.wait({answering}, timeout=self._limit_s)
        finally:
            answering.cancel()
        if done:
            return answering.result()
        raise SiteRefused(
            f"{self._directory} on the VM has not answered for {self._limit_s:g} s; look at the disk, or the "
            "network file system, that the home directory of its SSH user lies on."
        )

    def _path(self, name: str) -> str:
        return f"{self._directory}/{name}"


def heard(call: asyncio.Task[Any]) -> None:
    """Take note of the end of a call that nobody waits for any more; asyncio would complain."""
    if not call.cancelled():
        call.exception()
