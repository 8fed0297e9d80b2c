"""One measured number beside a peer's."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

DIGITS = 3
"""More would be noise."""

Better = Literal["less", "more"]


@dataclass(frozen=True)
class Figure:
    """What was measured for us and for a peer.

    Attributes:
        name: What was measured, for people.
        ours: Our number; None when we could not do it.
        peer: The peer's; None when it could not.
        peer_name: Who the peer is.
        unit: Of both.
        better: Whether less or more of it is better.
        note: What a number alone does not say.
    """

    name: str
    ours: float | None
    peer: float | None
    peer_name: str
    unit: str
    better: Better = "less"
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours by the peer's; None without both, or when the peer's is nothing."""
        if self.ours is None or not self.peer:
            return None
        return self.ours / self.peer

    @property
    def advantage(self) -> float | None:
        """How many times better ours is; below 1 it is worse."""
        if not self.ratio:
            return None
        return self.ratio if self.better == "more" else 1 / self.ratio

    def row(self) -> dict[str, Any]:
        """As programs read it; a note stands there only when there is one."""
        row = {
            "name": self.name,
            "ours": rounded(self.ours),
            "peer": rounded(self.peer),
            "peer_name": self.peer_name,
            "ratio": rounded(self.ratio),
            "unit": self.unit,
        }
        return row | ({"note": self.note} if self.note else {})


def median_of(samples: Iterable[float | None]) -> float | None:
    """The median, to which a failure (None) is worse than any number; None when most have failed."""
    middle = median(math.inf if sample is None else sample for sample in samples)
    return None if math.isinf(middle) else middle


def rounded(number: float | None) -> float | None:
    """To the digits that mean something."""
    if number is None or number == 0:
        return number
    return round(number, DIGITS - 1 - math.floor(math.log10(abs(number))))
