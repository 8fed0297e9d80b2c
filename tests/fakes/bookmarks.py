"""Bookmarks in memory."""

from __future__ import annotations

from edge_training.errors import EdgeError


class InMemoryBookmarks:
    """Implements `Bookmarks`.

    Attributes:
        notes: Content by name.
        trouble: What every call raises; None for nothing.
        puts: How often something was written, or should have been.
    """

    def __init__(self) -> None:
        self.notes: dict[str, bytes] = {}
        self.trouble: EdgeError | None = None
        self.puts = 0

    async def put(self, name: str, content: bytes) -> None:
        """See `Bookmarks.put`."""
        self.puts += 1
        self._check()
        self.notes[name] = content

    async def get(self, name: str) -> bytes | None:
        """See `Bookmarks.get`."""
        self._check()
        return self.notes.get(name)

    async def names(self) -> list[str]:
        """See `Bookmarks.names`."""
        self._check()
        return sorted(self.notes)

    async def remove(self, name: str) -> None:
        """See `Bookmarks.remove`."""
        self._check()
        self.notes.pop(name, None)

    def _check(self) -> None:
        if self.trouble is not None:
            raise self.trouble
