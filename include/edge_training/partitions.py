"""Partition keys: one day each, and the window of days that a training looks back on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from edge_training.errors import BadRequest

EXAMPLE = "2013-02-01"
MAX_WINDOW_DAYS = 3660


def parse(key: str | None) -> date:
    """The day a partition key names.

    Raises:
        BadRequest: There is no key, or it is no day.
    """
    if not key:
        raise BadRequest(
            f"This run has no partition key; trigger it again with one, e.g. {EXAMPLE} (under Advanced "
            "Options of the trigger form, or as partition_key over REST)."
        )
    try:
        day = date.fromisoformat(key)
    except ValueError:
        day = None
    if day is None or day.isoformat() != key:
        raise BadRequest(
            f"The partition key {key!r} is no day; trigger the run again with one like {EXAMPLE}."
        )
    return day


@dataclass(frozen=True)
class Window:
    """The partition itself is the holdout; the days before it are trained on.

    Attributes:
        holdout: The partition's day.
        days: How many days before it are trained on.
    """

    holdout: date
    days: int

    @classmethod
    def before(cls, key: str | None, days: int) -> Window:
        """The window that ends at a partition.

        Raises:
            BadRequest: The key is no day, or there is no such window before it.
        """
        if not 1 <= days <= MAX_WINDOW_DAYS:
            raise BadRequest(
                f"A window of {days} days cannot be trained on; set window_days between 1 and "
                f"{MAX_WINDOW_DAYS}."
            )
        holdout = parse(key)
        if holdout.toordinal() <= days:
            raise BadRequest(
                f"There are no {days} days before {key}; trigger the run with a later partition."
            )
        return cls(holdout, days)

    @property
    def training_keys(self) -> list[str]:
        """Keys of the days that are trained on, oldest first."""
        return [(self.holdout - timedelta(days=back)).isoformat() for back in range(self.days, 0, -1)]

    def __str__(self) -> str:
        """The first and the last day that are trained on; `is_within` reads it."""
        return f"{self.training_keys[0]}/{self.training_keys[-1]}"


def is_within(day: str, window: str) -> bool:
    """Whether a day is one of those that a window, as it is written, is trained on; in none that is empty."""
    first, _, last = window.partition("/")
    return first <= day <= last  # days as ISO writes them
