"""The VM's files as its SSH user sees them, over SFTP on the same connection; no shell, no program."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

import asyncssh

from edge_training.adapters.ssh.target import SshTarget, told
from edge_training.errors import SiteRefused, SiteUnreachable

SMALL_FILE_BYTES = 4096
UNFINISHED_SUFFIX = ".new"
READ_ONLY_FLAG = 1
"""`SSH_FXE_STATVFS_ST_RDONLY` of OpenSSH's statvfs extension."""

Access = Literal["missing", "forbidden", "there"]


@dataclass(frozen=True)
class DiskSpace:
    """What a file system says of itself.

    Attributes:
        free_bytes: What a user without privileges may still write.
        read_only: Whether it is mounted read-only.
    """

    free_bytes: int
    read_only: bool


class VmFiles:
    """Reads and writes small files and asks about directories; one SFTP session per connection.

    Args:
        target: Whose files, for the sentences.
        connection: The SSH connection.
    """

    def __init__(self, target: SshTarget, connection: asyncssh.SSHClientConnection) -> None:
        self._target = target
        self._connection = connection
        self._lock = asyncio.Lock()
        self._session: asyncssh.SFTPClient | None = None

    async def read(self, path: str, remedy: str) -> str:
        """The text of a small file; a file of /proc may say that it is empty and is read all the same.

        Args:
            path: Absolute path.
            remedy: What to do where there is no such file, or something else.

        Raises:
            SiteRefused: There is no such file, the user may not read it, or sshd offers no SFTP.
            SiteUnreachable: The connection is lost.
        """
        with self._translated(path, remedy):
            content = await self._read(path)
        return content.decode(errors="replace").strip()

    async def content(self, path: str) -> bytes | None:
        """What a small file holds; None where there is none.

        Raises:
            SiteRefused: The user may not read it, or sshd offers no SFTP.
            SiteUnreachable: The connection is lost.
        """
        with self._translated(path, "create it"):
            try:
                return await self._read(path)
            except asyncssh.SFTPNoSuchFile:
                return None

    async def replace(self, directory: str, name: str, content: bytes) -> None:
        """Write a small file in one step; its directory is made, for the user alone, where it is missing.

        Raises:
            SiteRefused: The user may not write there, the disk is full or read-only, or sshd offers no SFTP.
            SiteUnreachable: The connection is lost.
        """
        path = f"{directory}/{name}"
        with self._translated(path, "see that its disk is writable and has space", "write"):
            session = await self.session()
            try:
                await self._write(f"{path}{UNFINISHED_SUFFIX}", content)
            except asyncssh.SFTPNoSuchFile:
                await session.makedirs(directory, asyncssh.SFTPAttrs(permissions=0o700), exist_ok=True)
                await self._write(f"{path}{UNFINISHED_SUFFIX}", content)
            await session.posix_rename(f"{path}{UNFINISHED_SUFFIX}", path)

    async def remove(self, path: str) -> None:
        """Remove a file; nothing where there is none.

        Raises:
            SiteRefused: The user may not remove it, or sshd offers no SFTP.
            SiteUnreachable: The connection is lost.
        """
        with self._translated(path, "see that its disk is writable", "remove"):
            session = await self.session()
            with suppress(asyncssh.SFTPNoSuchFile):
                await session.remove(path)

    async def names(self, path: str) -> list[str]:
        """What is in a directory, sorted; nothing where there is none.

        Raises:
            SiteRefused: The user may not read it, or sshd offers no SFTP.
            SiteUnreachable: The connection is lost.
        """
        with self._translated(path, "create it"):
            session = await self.session()
            try:
                found = await session.listdir(path)
            except asyncssh.SFTPNoSuchFile:
                return []
        return sorted(name for name in found if name not in (".", ".."))

    async def space(self, directory: str) -> DiskSpace:
        """What the file system of a directory says of itself.

        Raises:
            SiteRefused: There is no such directory, the user may not see it, or sshd offers no SFTP.
            SiteUnreachable: The connection is lost.
        """
        with self._translated(directory, "see that its disk is mounted"):
            session = await self.session()
            found = await session.statvfs(directory)
        return DiskSpace(found.bavail * found.frsize, bool(found.flags & READ_ONLY_FLAG))

    async def access(self, path: str) -> Access:
        """Whether a file, or a socket, is there, and whether the user may write to it.

        Opening a socket always fails, but for want of permission it fails with another error.

        Raises:
            SiteRefused: sshd offers no SFTP.
            SiteUnreachable: The connection is lost.
        """
        with self._translated(path, "create it"):
            session = await self.session()
            try:
                await (await session.open(path, asyncssh.FXF_WRITE)).close()
            except asyncssh.SFTPNoSuchFile:
                return "missing"
            except asyncssh.SFTPPermissionDenied:
                return "forbidden"
            except asyncssh.SFTPFailure:
                return "there"
        return "there"

    async def session(self) -> asyncssh.SFTPClient:
        """The SFTP session, opened at first use; sshd allows only ten sessions on a connection.

        Raises:
            SiteRefused: sshd offers no SFTP.
        """
        async with self._lock:
            if self._session is None:
                try:
                    self._session = await self._connection.start_sftp_client()
                except (asyncssh.ChannelOpenError, asyncssh.SFTPError) as error:
                    if self._connection.is_closed():
                        raise
                    raise SiteRefused(
                        f"{self._target} offers no SFTP ({error}); add `Subsystem sftp internal-sftp` to its "
                        "sshd_config and reload sshd."
                    ) from None
            return self._session

    async def _read(self, path: str) -> bytes:
        session = await self.session()
        async with session.open(path, "rb") as file:
            content: bytes = await file.read(SMALL_FILE_BYTES)
        return content

    async def _write(self, path: str, content: bytes) -> None:
        session = await self.session()
        async with session.open(path, "wb") as file:
            await file.write(content)

    @contextmanager
    def _translated(self, path: str, remedy: str, act: str = "see") -> Iterator[None]:
        try:
            yield
        except asyncssh.SFTPNoSuchFile:
            raise SiteRefused(f"{self._target} has no {path}; {remedy}.") from None
        except asyncssh.SFTPPermissionDenied:
            raise SiteRefused(
                f"{self._target} may not {act} {path}; give its SSH user the right to, on the VM."
            ) from None
        except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection) as error:
            self._session = None
            raise self._lost(error) from None
        except asyncssh.SFTPError as error:
            raise SiteRefused(f"{self._target} cannot {act} {path} ({error}); {remedy}.") from None
        except (asyncssh.Error, OSError) as error:
            self._session = None
            raise self._lost(error) from None

    def _lost(self, error: Exception) -> SiteUnreachable:
        return SiteUnreachable(
            f"The connection to {self._target} was lost while it was asked for a file "
            f"({told(error)}); check that the VM is up."
        )
