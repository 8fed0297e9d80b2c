"""Parts of sentences that name the first few of many."""

from __future__ import annotations

from collections.abc import Sequence

NAMED = 3


def first_few(names: Sequence[str], more: str = "more") -> str:
    """The first names, and how many there are besides: `a, b, c and 2 more`."""
    few = ", ".join(names[:NAMED])
    return few if len(names) <= NAMED else f"{few} and {len(names) - NAMED} {more}"


def first_clauses(clauses: Sequence[str]) -> str:
    """The same of whole clauses: `one is so; another is so; a third is so (and 2 more)`."""
    few = "; ".join(clauses[:NAMED])
    return few if len(clauses) <= NAMED else f"{few} (and {len(clauses) - NAMED} more)"


def number_of(count: int, one: str, many: str) -> str:
    """A count with what is counted: `1 row`, `2 rows`."""
    return f"{count} {one if count == 1 else many}"
