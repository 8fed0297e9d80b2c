"""Edges of bins as people read them, and where they lie: plain Python, for workers draw profiles as well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

Edge = float | str
EPOCH: Final = date(1970, 1, 1)


def day_of(edge: str) -> int:
    """Days since 1970 of a date."""
    return (date.fromisoformat(edge) - EPOCH).days


def hour_of(edge: str) -> int:
    """Hours since 1970 of a timestamp."""
    return int(datetime.fromisoformat(edge).replace(tzinfo=UTC).timestamp()) // 3600


def minute_of(edge: str) -> int:
    """Minutes since midnight of a time of day."""
    hours, minutes = edge.split(":")
    return int(hours) * 60 + int(minutes)


PLACES: Final[Mapping[str, Callable[[Any], float]]] = {
    "number": float,
    "date": day_of,
    "timestamp": hour_of,
    "time": minute_of,
}
"""Where an edge lies on a plot's axis, by the type that a profile tells."""
