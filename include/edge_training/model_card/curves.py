"""Curves of metrics as inline SVG, a card each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge_runner.profiles.layout import heading
from edge_runner.profiles.markup import Markup, element, join
from edge_runner.profiles.wording import edge_text

WIDTH, HEIGHT = 260, 104
_LEFT, _RIGHT, _TOP, _BASE = 4, 256, 16, 86
MOST_POINTS = 400
"""More than a curve has pixels."""
Points = Sequence[tuple[int, float]]


def curve_cards(curves: Mapping[str, Points]) -> Markup | None:
    """The section of all curves; None when no metric has more than one point."""
    drawn = {name: points for name, points in curves.items() if len(points) > 1}
    if not drawn:
        return None
    cards = [
        element(
            "article",
            element("header", element("h3", name)),
            element("p", f"{edge_text(points[-1][1])} at step {points[-1][0]}", class_="facts"),
            curve(name, points),
            class_="card",
        )
        for name, points in drawn.items()
    ]
    return join(
        heading("Curves", "metrics of the training, step by step"), element("div", *cards, class_="cards")
    )


def curve(name: str, points: Points) -> Markup:
    """One curve between its lowest and highest value.

    Args:
        name: The metric.
        points: Step and value, at least two, in order of the steps.
    """
    shown = _thinned(points)
    steps, values = [step for step, _ in shown], [value for _, value in shown]
    low, high = min(values), max(values)

    def x(step: int) -> float:
        return _LEFT + (step - steps[0]) / (steps[-1] - steps[0]) * (_RIGHT - _LEFT)

    def y(value: float) -> float:
        return _BASE - (value - low) / ((high - low) or 1) * (_BASE - _TOP)

    return element(
        "svg",
        element("line", class_="axis", x1=_LEFT, x2=_RIGHT, y1=_BASE + 4, y2=_BASE + 4),
        element("path", class_="curve", d="M" + "L".join(f"{x(s):.1f} {y(v):.1f}" for s, v in shown)),
        element("text", f"highest {edge_text(high)}", x=_LEFT, y=_TOP - 5),
        element("text", f"lowest {edge_text(low)}", x=_RIGHT, y=_TOP - 5, text_anchor="end"),
        element("text", f"step {steps[0]}", x=_LEFT, y=HEIGHT - 2),
        element("text", steps[-1], x=_RIGHT, y=HEIGHT - 2, text_anchor="end"),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=f"Curve of {name} from {edge_text(low)} to {edge_text(high)}",
    )


def _thinned(points: Points) -> Points:
    """Evenly chosen points, the first and the last among them."""
    if len(points) <= MOST_POINTS:
        return points
    last = len(points) - 1
    return [points[round(number * last / (MOST_POINTS - 1))] for number in range(MOST_POINTS)]
