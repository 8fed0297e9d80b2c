"""A quantile sketch: rows by bucket, in the order of the values.

The counts are whole numbers per fixed bucket, so the same rows give the same sketch, whatever their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Sketch:
    """Rows by bucket.

    Attributes:
        keys: Ordered keys of the buckets that hold rows, of shape (buckets,).
        counts: Rows of each, of shape (buckets,).
    """

    keys: np.ndarray
    counts: np.ndarray

    @property
    def rows(self) -> int:
        """Rows that have a value."""
        return int(self.counts.sum())

    def key_at(self, rank: int) -> int:
        """The key of the row of this rank, from 1 for the lowest."""
        return int(self.keys[np.searchsorted(np.cumsum(self.counts), rank, side="left")])

    def split(self, cuts: Sequence[int]) -> list[int]:
        """Rows between cuts.

        Args:
            cuts: Ascending keys; a row of a cut's own key lies above it.

        Returns:
            One count more than there are cuts.
        """
        below = np.concatenate([[0], np.cumsum(self.counts)])
        at = below[np.searchsorted(self.keys, np.asarray(cuts, dtype=np.int64), side="left")]
        return [int(count) for count in np.diff(np.concatenate([[0], at, [self.rows]]))]


def make_sketch(keys: np.ndarray, counts: np.ndarray) -> Sketch:
    """Add up the counts of equal keys.

    Args:
        keys: Keys in any order, of shape (n,); equal ones are one bucket.
        counts: Rows of each, of shape (n,).
    """
    distinct, place = np.unique(keys.astype(np.int64), return_inverse=True)
    total = np.zeros(len(distinct), dtype=np.int64)
    np.add.at(total, place, counts.astype(np.int64))
    return Sketch(distinct, total)
