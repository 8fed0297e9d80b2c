"""Numbers, counts and shares as people read them."""

from __future__ import annotations

from edge_runner.profiles.disclosure import K

_NEARLY_ZERO = 1e-20
_SHORTEST, _LONGEST = 1e-4, 1e7
"""Numbers between are written without an exponent."""
_SEPARATED = 1e4
"""Numbers below have no separator: they may be years."""
_THIN_SPACE = "\N{NARROW NO-BREAK SPACE}"
_MINUS = "\N{MINUS SIGN}"


def count_text(count: int | None) -> str:
    """A count of rows; None is a group too small to tell."""
    return f"fewer than {K}" if count is None else f"{count:,}".replace(",", _THIN_SPACE)


def share_text(count: int | None, rows: int) -> str:
    """A share of rows in percent."""
    if count is None:
        return f"< {K} rows"
    percent = 100 * count / rows if rows else 0.0
    return "0 %" if count == 0 else "< 0.1 %" if percent < 0.1 else f"{percent:.3g} %"


def edge_text(edge: float | str) -> str:
    """An edge of a bin: short, and a timestamp without the letter between date and time."""
    if isinstance(edge, str):
        return edge.replace("T", " ").removesuffix(" 00:00")
    if abs(edge) < _NEARLY_ZERO:
        return "0"
    if _SHORTEST <= abs(edge) < _LONGEST:
        text = f"{edge:,.7g}" if abs(edge) >= _SEPARATED else f"{edge:.7g}"
        return text.replace(",", _THIN_SPACE).replace("-", _MINUS)
    return f"{edge:.3g}".replace("e+", "e").replace("-", _MINUS)
