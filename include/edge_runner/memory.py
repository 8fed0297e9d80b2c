"""What the kernel says of this container's memory; cgroup v1 and v2 say it in different files.

Source: the kernel's documentation, admin-guide/cgroup-v1/memory and admin-guide/cgroup-v2.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
_LIMIT_NAMES = ("memory/memory.limit_in_bytes", "memory.max")
_PEAK_NAMES = ("memory/memory.max_usage_in_bytes", "memory.peak")
_EVENTS_NAMES = ("memory/memory.oom_control", "memory.events")
_NO_LIMIT_BYTES = 2**62
"""From here on a figure of cgroup v1 means that there is no limit; it depends on the size of a page."""
_FIRST_TO_END = "1000"
_READINESS_TO_END = Path("/proc/self/oom_score_adj")


@dataclass(frozen=True)
class Memory:
    """The container's memory.

    Attributes:
        limit_bytes: What it may use; None when there is no limit or the kernel does not say.
        peak_bytes: The most it has used; None when the kernel does not say.
        kills: How many of its processes the kernel ended at the limit.
    """

    limit_bytes: int | None
    peak_bytes: int | None
    kills: int

    def since(self, earlier: Memory) -> Memory:
        """The same, with only those processes counted that were ended since then."""
        return replace(self, kills=self.kills - earlier.kills)

    @property
    def sentence(self) -> str:
        """Why a process was ended, with the figures and the remedy."""
        return (
            f"the memory limit of {_mib(self.limit_bytes)} was reached (peak {_mib(self.peak_bytes)}); raise "
            "the step's memory or use less data"
        )


def read(cgroup: Path = CGROUP) -> Memory:
    """What the kernel says now."""
    events = dict(line.split() for line in _first(cgroup, _EVENTS_NAMES).splitlines() if line.count(" ") == 1)
    return Memory(
        _number(_first(cgroup, _LIMIT_NAMES)),
        _number(_first(cgroup, _PEAK_NAMES)),
        int(events.get("oom_kill", 0)),
    )


def end_me_first() -> None:
    """Let the kernel end this process and its children, if any: not the one that has to tell of it."""
    with suppress(OSError):  # it is right most of the time without, as the one that uses most is ended
        _READINESS_TO_END.write_text(_FIRST_TO_END)


def _first(cgroup: Path, names: tuple[str, ...]) -> str:
    """The content of the first of these files that is there; nothing when none is."""
    for name in names:
        try:
            return (cgroup / name).read_text()
        except OSError:
            continue
    return ""


def _number(text: str) -> int | None:
    size_bytes = int(text) if text.strip().isdigit() else _NO_LIMIT_BYTES
    return size_bytes if size_bytes < _NO_LIMIT_BYTES else None


def _mib(size_bytes: int | None) -> str:
    return "unknown size" if size_bytes is None else f"{size_bytes / 2**20:.0f} MiB"
