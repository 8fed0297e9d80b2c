"""The port to the bookmarks on a site: small notes of how far a job was followed, outside its container."""

from __future__ import annotations

from typing import Protocol


class Bookmarks(Protocol):
    """Notes by name. Every call may raise `SiteUnreachable` (try again) or `SiteRefused` (do not)."""

    async def put(self, name: str, content: bytes) -> None:
        """Write a note in one step: a reader finds the old content or the new, never half of one."""

    async def get(self, name: str) -> bytes | None:
        """A note's content, at most 4096 bytes; None when there is none of that name."""

    async def names(self) -> list[str]:
        """The names of all notes, and of what else lies among them."""

    async def remove(self, name: str) -> None:
        """Remove a note; nothing when there is none."""
