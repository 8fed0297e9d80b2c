"""What the runs of programs took, ours beside others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.figures import Figure, median_of

MEBIBYTE = 2**20
OURS = "ours"


@dataclass
class Taken:
    """What the runs of one program took.

    Attributes:
        seconds: The time of each.
        peaks: The most memory of each, in MiB.
        before: The most memory of each before it began, in MiB.
    """

    seconds: list[float] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)
    before: list[float] = field(default_factory=list)

    def add(self, said: Mapping[str, Any]) -> None:
        """Note what a program says of itself, see `benchmarks.measured`."""
        self.seconds.append(said["seconds"])
        self.peaks.append(said["peak_bytes"] / MEBIBYTE)
        self.before.append(said["before_bytes"] / MEBIBYTE)

    @property
    def note(self) -> str:
        """How much of the memory is the work's own."""
        growth = median_of(peak - before for peak, before in zip(self.peaks, self.before, strict=True))
        return f"of ours, {growth:.1f} MiB came on top of what the process had with the client loaded"


def compared(what: str, taken: Mapping[str, Taken]) -> Iterator[Figure]:
    """Medians of ours and of each other program; the memory of a peer that says it."""
    mine = taken[OURS]
    for name in [name for name in taken if name != OURS]:
        its = taken[name]
        yield Figure(f"{what}, beside {name}", median_of(mine.seconds), median_of(its.seconds), name, "s")
        if its.peaks:
            peaks = median_of(mine.peaks), median_of(its.peaks)
            yield Figure(f"{what}, memory", *peaks, name, "MiB", note=mine.note)
