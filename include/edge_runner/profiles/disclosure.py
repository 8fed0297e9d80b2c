"""What may be told of a group of rows: nothing below `K` rows, and no count finer than `K`.

The rules and what they leave open are in docs/disclosure.md. The terms are those of statistical disclosure
control: Hundepool et al., "Statistical Disclosure Control", Wiley 2012, chapters 4 and 5.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a DAG file asks for K, and shall not wait for NumPy
    from edge_runner.profiles.edges import Edge
    from edge_runner.profiles.scales import Scale
    from edge_runner.profiles.sketch import Sketch

K = 10
"""The smallest group of rows of which anything is told."""
PUBLIC_K = 1
"""The same for a column whose classification is public."""
PUBLIC = "public"
RESTRICTED = "restricted"
"""The contract's words for columns of which more, or nothing, may be told."""
SHOWN_CATEGORIES = 50
CATEGORY_CHARS = 100
"""A longer text is no category."""
BIN_NUMBERS = (20, 10, 5, 4, 3, 2)
TAIL_SHARE = 0.01
_REACH = 0.25
"""How far an edge may lie from its rank, as a share of the distance to the next one."""


def coarse(count: int, k: int) -> int | None:
    """A count as it may be told: rounded down to a multiple of k; None for a group of 1 to k - 1 rows."""
    return None if 0 < count < k else count // k * k


def choose_edges(sketch: Sketch, scale: Scale, k: int) -> list[Edge]:
    """Cut the values into bins of about equal numbers of rows, at round edges.

    Every edge is the roundest number of an interval in which at least k rows lie, and every bin holds at
    least k rows or none. The outer bins are open, so neither the lowest nor the highest value is told, unless
    k rows share it.

    Returns:
        Ascending edges; none when there are too few rows.
    """
    edges = {edge for low, high in _ranks(sketch.rows, k) for edge in _cuts(sketch, scale, low, high)}
    ascending = sorted(edges, key=scale.cut_of)
    return _keep_large(sketch, scale, ascending, k)


def _ranks(rows: int, k: int) -> Iterator[tuple[int, int]]:
    """Intervals of ranks, each of at least k rows, around the quantiles to tell."""
    fitting = [bins for bins in BIN_NUMBERS if 2 * _REACH * rows / bins >= k + 1]
    if not fitting:
        return
    shares = [(number / fitting[0], 1 / fitting[0]) for number in range(1, fitting[0])]
    if fitting[0] == BIN_NUMBERS[0] and 2 * _REACH * rows * TAIL_SHARE >= k + 1:
        shares += [(TAIL_SHARE, TAIL_SHARE), (1 - TAIL_SHARE, TAIL_SHARE)]
    for share, gap in shares:
        yield math.ceil((share - _REACH * gap) * rows), math.floor((share + _REACH * gap) * rows)


def _cuts(sketch: Sketch, scale: Scale, low_rank: int, high_rank: int) -> Iterator[Edge]:
    low, high = sketch.key_at(low_rank), sketch.key_at(high_rank)
    if low < high:
        yield scale.roundest(low, high)
    else:  # one bucket holds all these rows: it becomes a bin of its own
        before, after = scale.around(low)
        yield scale.roundest(before, low)
        yield scale.roundest(low, after)


def _keep_large(sketch: Sketch, scale: Scale, edges: list[Edge], k: int) -> list[Edge]:
    """Leave out the edges that would make a bin of fewer than k rows; an empty one tells of nobody."""
    counts = sketch.split([scale.cut_of(edge) for edge in edges])
    kept, since, rest = [], 0, sketch.rows
    for edge, count in zip(edges, counts, strict=False):
        since += count
        rest -= count
        if coarse(since, k) is not None and coarse(rest, k) is not None:
            kept.append(edge)
            since = 0
    return kept


def choose_categories(counts: Mapping[str, int], k: int) -> dict[str, int]:
    """The categories that may be told with their counts, the largest first.

    Categories below k rows go into the rest. When the rest is a single category, or has fewer than k rows, it
    could be worked out by subtraction; then the smallest told category joins it (complementary suppression).
    When most categories are below k the column holds names or free text, and none is told.
    """
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    large = [(value, count) for value, count in ordered if count >= k and len(value) <= CATEGORY_CHARS]
    if 2 * sum(count >= k for count in counts.values()) < len(counts):
        return {}
    shown = large[:SHOWN_CATEGORIES]
    while shown and not _is_rest_safe(counts, dict(shown), k):
        shown.pop()
    return dict(shown)


def _is_rest_safe(counts: Mapping[str, int], shown: Mapping[str, int], k: int) -> bool:
    rest = [count for value, count in counts.items() if value not in shown]
    return not rest or (sum(rest) >= k and (len(rest) > 1 or k == PUBLIC_K))
