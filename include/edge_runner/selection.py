"""Which blobs under a partition's prefix are its data; wait and snapshot must agree on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from edge_runner.blobs.listing import ListedBlob
from edge_runner.globs import EVERYTHING, matches_any


@dataclass(frozen=True)
class Selection:
    """What is data; all names are relative to a partition's prefix.

    Attributes:
        include: Patterns of which one must fit.
        exclude: Patterns of which none may fit.
        marker: Name of the blob that says that the partition is complete, no data itself; empty for none.
    """

    include: tuple[str, ...] = EVERYTHING
    exclude: tuple[str, ...] = ()
    marker: str = ""

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> Selection:
        """What a step's request says."""
        return cls(tuple(request["include"]), tuple(request["exclude"]), request["ready"]["marker"])

    def data(self, blobs: Iterable[ListedBlob], prefix: str) -> list[ListedBlob]:
        """Those that are data, of some blobs under a prefix."""
        files = [blob for blob in blobs if not blob.is_folder]
        if self == Selection():
            return files
        return [blob for blob in files if self._takes(blob.name.removeprefix(prefix))]

    def _takes(self, name: str) -> bool:
        return name != self.marker and matches_any(name, self.include) and not matches_any(name, self.exclude)
