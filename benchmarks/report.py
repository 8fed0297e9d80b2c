"""The figures as a table for people and a file for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from benchmarks.figures import Figure, rounded

CONSOLE = Console(highlight=False)
COLUMNS = ("measured", "unit", "ours", "peer", "peer is", "verdict")
ABOUT_EQUAL = 0.1
"""Two numbers that differ by less than this part are called equal."""


def say(figure: Figure) -> None:
    """One line as soon as a figure is known."""
    line = f"{figure.name}: {shown(figure.ours)} {figure.unit}, {figure.peer_name} {shown(figure.peer)}"
    CONSOLE.print(line, markup=False, soft_wrap=True)


def show(results: Mapping[str, Sequence[Figure]], about: Mapping[str, str]) -> None:
    """One table for each part, with what it measured above and notes below.

    Args:
        results: The figures of each part.
        about: What each part says of itself.
    """
    for part, figures in results.items():
        CONSOLE.print(f"\n[bold]{part}[/]: ", end="")
        CONSOLE.print(about[part].strip(), markup=False, soft_wrap=True)
        CONSOLE.print(table(figures))
        for number, figure in enumerate(noted(figures), start=1):
            CONSOLE.print(f"  {number}) {figure.note}", markup=False, soft_wrap=True)


def table(figures: Sequence[Figure]) -> Table:
    """The figures of one part."""
    made = Table(*(Column(name, overflow="fold") for name in COLUMNS))
    marks = {figure.name: f" {number})" for number, figure in enumerate(noted(figures), start=1)}
    for figure in figures:
        made.add_row(
            figure.name + marks.get(figure.name, ""),
            figure.unit,
            shown(figure.ours),
            shown(figure.peer),
            figure.peer_name,
            verdict(figure),
        )
    return made


def noted(figures: Sequence[Figure]) -> list[Figure]:
    """Those that need words."""
    return [figure for figure in figures if figure.note]


def shown(number: float | None) -> str:
    """A number as people read it."""
    return "-" if number is None else f"{rounded(number):g}"


def verdict(figure: Figure) -> str:
    """The comparison in words."""
    if figure.ours is None:
        return "neither can" if figure.peer is None else "only the peer can"
    if figure.peer is None:
        return "only ours can"
    if figure.ours == figure.peer:
        return "equal"
    if figure.advantage is None:
        more = figure.ours > figure.peer
        return "ours is better" if more == (figure.better == "more") else "ours is worse"
    if abs(figure.advantage - 1) < ABOUT_EQUAL:
        return "about equal"
    if figure.advantage > 1:
        return f"ours is {figure.advantage:.3g} times better"
    return f"ours is {1 / figure.advantage:.3g} times worse"


def write(path: Path, results: Mapping[str, Sequence[Figure]]) -> None:
    """The rows of all parts, in order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [figure.row() for figures in results.values() for figure in figures]
    path.write_text(json.dumps(rows, indent=2) + "\n")
