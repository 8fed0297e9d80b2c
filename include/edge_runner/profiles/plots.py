"""Small plots of a column as inline SVG: the data as filled steps, what it is compared with as lines.

A bin's area is its share of rows. The outer bins are open, so each has a stub of fixed width beside the axis.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge_runner.profiles.edges import PLACES, Edge
from edge_runner.profiles.markup import Markup, element, join
from edge_runner.profiles.wording import edge_text, share_text

WIDTH, HEIGHT = 260, 84
_LEFT, _RIGHT, _TOP, _BASE = 16, 244, 6, 66
_STUB = 10
_CHARACTER_WIDTH = 6
_LONG_TAILED = 12
"""From this ratio of the whole range to that of the middle half on, the axis is compressed on both sides."""
BARS = 8
_BAR_HEIGHT, _LABEL_WIDTH, _SHARE_WIDTH = 15, 92, 46


@dataclass(frozen=True)
class Series:
    """The same column in one data set.

    Attributes:
        style: Class of its shapes in the style sheet.
        column: Its profile.
    """

    style: str
    column: Mapping[str, Any]


def histogram(series: Sequence[Series]) -> Markup | None:
    """Bins of one column on a common axis; None when there is no edge to draw from."""
    drawn = [one for one in series if len(one.column.get("bins", {}).get("edges", [])) > 1]
    if not drawn:
        return None
    position = _axis(drawn[0].column["bins"], drawn[0].column["type"], drawn)
    outlines = [(one, _outline(one.column, position)) for one in drawn]
    highest = max(height for _, steps in outlines for _, _, height in steps)
    shapes = [_shape(one, steps, highest) for one, steps in outlines]
    return element(
        "svg",
        *shapes,
        element("line", class_="axis", x1=_LEFT - _STUB, x2=_RIGHT + _STUB, y1=_BASE, y2=_BASE),
        *_labels([edge for one in drawn for edge in one.column["bins"]["edges"]], position),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=f"Histogram of {drawn[0].column['name']}",
    )


def _axis(bins: Mapping[str, Any], kind: str, drawn: Sequence[Series]) -> Callable[[Edge], float]:
    """Where an edge lies, in pixels."""
    number = PLACES[kind]
    edges = sorted(number(edge) for one in drawn for edge in one.column["bins"]["edges"])
    own = [number(edge) for edge in bins["edges"]]
    middle, half = own[len(own) // 2], own[3 * len(own) // 4] - own[len(own) // 4]
    is_long = half > 0 and edges[-1] - edges[0] > _LONG_TAILED * half
    bent = (lambda value: math.asinh((value - middle) / half)) if is_long else float
    low, high = bent(edges[0]), bent(edges[-1])
    return lambda edge: _LEFT + (bent(number(edge)) - low) / ((high - low) or 1) * (_RIGHT - _LEFT)


def _outline(
    column: Mapping[str, Any], position: Callable[[Edge], float]
) -> list[tuple[float, float, float]]:
    """Left end, right end and density of each bin, the open ones included."""
    places = [position(edge) for edge in column["bins"]["edges"]]
    ends = [places[0] - _STUB, *places, places[-1] + _STUB]
    counts = [count or 0 for count in column["bins"]["counts"]]
    total = sum(counts) or 1
    return [
        (left, right, count / total / max(right - left, 1))
        for left, right, count in zip(ends, ends[1:], counts, strict=False)
    ]


def _shape(one: Series, steps: Sequence[tuple[float, float, float]], highest: float) -> Markup:
    def y(height: float) -> float:
        return _BASE - height / highest * (_BASE - _TOP)

    path = "".join(f"V{y(height):.1f}H{right:.1f}" for _, right, height in steps)
    return element("path", class_=one.style, d=f"M{steps[0][0]:.1f} {_BASE}{path}V{_BASE}")


def _labels(edges: Sequence[Edge], position: Callable[[Edge], float]) -> list[Markup]:
    """The axis's ends and, where there is room, the edge next to its middle."""
    places = sorted({position(edge): edge_text(edge) for edge in edges}.items())
    (left, first), (right, last) = places[0], places[-1]
    labels = [_label(left, first, "start"), _label(right, last, "end")]
    place, middle = min(places, key=lambda entry: abs(entry[0] - (left + right) / 2))
    half = len(middle) * _CHARACTER_WIDTH / 2 + _CHARACTER_WIDTH
    is_free = left + len(first) * _CHARACTER_WIDTH < place - half
    if is_free and place + half < right - len(last) * _CHARACTER_WIDTH:
        labels.append(_label(place, middle, "middle"))
    return labels


def _label(place: float, text: str, anchor: str) -> Markup:
    return element("text", text, x=f"{place:.1f}", y=_BASE + 13, text_anchor=anchor)


def bars(series: Sequence[Series]) -> Markup:
    """The largest categories as bars; a line in each bar marks the share in what it is compared with."""
    first, *others = series
    categories = [(value, count) for value, count in first.column["categories"]]
    rest = sum(count or 0 for _, count in categories[BARS:]) + (first.column["rest"] or 0)
    rows = [(value, count, False) for value, count in categories[:BARS]]
    rows += [("all others", rest, True)] if rest else []
    total = max(first.column["values"] or 0, 1)
    largest = max(_shares(one.column, value) for one in series for value, _, _ in rows) or 1
    width = WIDTH - _LABEL_WIDTH - _SHARE_WIDTH
    shapes = [
        join(
            element(
                "text", _short(value), x=_LABEL_WIDTH - 6, y=number * _BAR_HEIGHT + 11, text_anchor="end"
            ),
            element(
                "rect",
                class_=f"{first.style} rest" if is_rest else first.style,
                x=_LABEL_WIDTH,
                y=number * _BAR_HEIGHT + 2,
                width=f"{min((count or 0) / total / largest, 1) * width:.1f}",
                height=_BAR_HEIGHT - 4,
            ),
            *(
                _mark(one, value, number, width / largest)
                for one in others
                if not is_rest and "categories" in one.column
            ),
            element(
                "text", share_text(count, total), x=WIDTH, y=number * _BAR_HEIGHT + 11, text_anchor="end"
            ),
        )
        for number, (value, count, is_rest) in enumerate(rows)
    ]
    return element(
        "svg",
        *shapes,
        viewBox=f"0 0 {WIDTH} {len(rows) * _BAR_HEIGHT + 2}",
        role="img",
        aria_label=f"Shares of {first.column['name']}",
    )


def _shares(column: Mapping[str, Any], value: str) -> float:
    counts = dict(column.get("categories", []))
    return (counts.get(value) or 0) / max(column["values"] or 0, 1)


def _mark(one: Series, value: str, number: int, scale: float) -> Markup:
    x = f"{_LABEL_WIDTH + _shares(one.column, value) * scale:.1f}"
    top = number * _BAR_HEIGHT
    return element("line", class_=one.style, x1=x, x2=x, y1=top + 1, y2=top + _BAR_HEIGHT - 1)


def _short(text: str) -> str:
    return text if len(text) <= 14 else f"{text[:13]}\N{HORIZONTAL ELLIPSIS}"
