"""Patterns of paths: `*` stays within a segment, `**` is any number of segments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

EVERYTHING = ("**",)


def matches_any(path: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns fits the whole of a path with `/` between its segments."""
    segments = path.split("/")
    return any(_matches(segments, pattern.split("/")) for pattern in patterns)


def _matches(segments: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not segments
    if pattern[0] == "**":
        return any(_matches(segments[skipped:], pattern[1:]) for skipped in range(len(segments) + 1))
    return bool(segments) and fnmatchcase(segments[0], pattern[0]) and _matches(segments[1:], pattern[1:])
