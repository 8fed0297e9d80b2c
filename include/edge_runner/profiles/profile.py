"""A profile: what may leave of what was measured. `protected` is the only way from one to the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edge_runner.profiles.disclosure import RESTRICTED, K, choose_categories, choose_edges, coarse
from edge_runner.profiles.measure import MAX_CATEGORIES, Measured
from edge_runner.profiles.scales import SCALES
from edge_runner.profiles.sketch import Sketch

PROFILE_VERSION = 1
_DISTINCT_DIGITS = 2
_TOGETHER = (
    "small or further categories are counted together; a larger one may be among them, since a lone group of "
    f"fewer than {K} rows would be found by subtraction"
)


def protected(rows: int, columns: Sequence[Measured]) -> dict[str, Any]:
    """The profile of one split.

    Args:
        rows: Number of rows; it is told as it is, for manifest and partition tell it too.
        columns: What was measured.

    Returns:
        JSON: `rows` and `columns`. Each column has `name`, `type`, `public`, and rows with `values`, `nulls`
        and `nans` (None: some, but fewer than k). What may be told of its values is `distinct`, and either
        `bins` with `edges` and `counts` or `categories` with `rest`, the rows of all others. `suppressed`
        says what is not told and why.
    """
    return {"rows": rows, "columns": [protected_column(column) for column in columns]}


def protected_column(column: Measured) -> dict[str, Any]:
    """The profile of one column; see `protected`."""
    k = column.k
    told = {
        "name": column.name,
        "type": column.told_type,
        "public": k < K,
        "values": coarse(column.present, k),
        "nulls": coarse(column.nulls, k),
        "nans": coarse(column.nans, k),
    }
    reason = _withheld(column)
    if reason is not None:
        return told | {"suppressed": reason}
    told["distinct"] = _rounded(column.distinct or 0)
    if column.sketch is not None:
        return told | _bins(column, column.sketch)
    return told | _categories(column)


def _withheld(column: Measured) -> str | None:
    """Why nothing is told of a column's values, or None when something is."""
    if column.classification == RESTRICTED:
        return "the contract restricts the column"
    if column.kind == "other":
        return "values of this type are only counted"
    if column.present < column.k:
        return f"fewer than {column.k} rows have a value" if column.k > 1 else "no row has a value"
    return None


def _bins(column: Measured, sketch: Sketch) -> dict[str, Any]:
    scale = SCALES[column.kind]
    edges = choose_edges(sketch, scale, column.k)
    counts = sketch.split([scale.cut_of(edge) for edge in edges])
    return {"bins": {"edges": edges, "counts": [coarse(count, column.k) for count in counts]}}


def _categories(column: Measured) -> dict[str, Any]:
    if column.categories is None:
        return {"suppressed": f"it has more than {MAX_CATEGORIES} distinct values"}
    shown = choose_categories(column.categories, column.k)
    if not shown:
        return {"suppressed": f"too many of its values are in fewer than {column.k} rows each"}
    rest = sum(column.categories.values()) - sum(shown.values())
    told: dict[str, Any] = {
        "categories": [[value, coarse(count, column.k)] for value, count in shown.items()],
        "rest": coarse(rest, column.k),
    }
    hidden = len(column.categories) - len(shown)
    return told | ({"suppressed": _TOGETHER} if hidden else {})


def _rounded(count: int) -> int:
    """An estimate, rounded to the digits that it is good for."""
    return int(float(f"{count:.{_DISTINCT_DIGITS}g}"))
