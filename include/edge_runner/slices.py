"""Slices: a metric measured in each group of the holdout, as an evaluation script writes it.

A line of the metrics file with a slice is one group's:
`{"step", "name", "value", "slice": {column: group}, "rows"}`. A group's name is a value of the data, so what
leaves the site of it follows the rules for the categories of profiles (docs/disclosure.md).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_runner.metrics import SLICE_KEY, opened
from edge_runner.profiles.disclosure import PUBLIC, PUBLIC_K, RESTRICTED, K, choose_categories, coarse
from edge_runner.protocol import StepError

FORM = '{"step": 0, "name": "mae", "value": 1.5, "slice": {"column": "group"}, "rows": 100}'


@dataclass(frozen=True)
class Group:
    """What a script measured in one group.

    Attributes:
        rows: How many rows it has.
        value: The metric; None where the group has none that is finite.
    """

    rows: int
    value: float | None


Groups = Mapping[str, Group]
Slices = Mapping[tuple[str, str], Groups]
"""Groups by their name, by metric and column."""


def read_slices(path: Path) -> Slices:
    """All groups of a metrics file; of several lines for a group, the one with the highest step counts, and
    of those the last.

    Raises:
        StepError: kind `EvaluationFailed`, when a line has a slice and lacks something else: passed over, its
            group would pass every gate.
    """
    file = opened(path)
    if file is None:
        return {}
    with file:
        lines = [(number, _object(line)) for number, line in enumerate(file.read().split(b"\n"), 1)]
    found = [_read(number, line) for number, line in lines if SLICE_KEY in line]
    slices: dict[tuple[str, str], dict[str, Group]] = {}
    for _, of, name, group in sorted(found, key=lambda one: one[0]):
        slices.setdefault(of, {})[name] = group
    return slices


def _object(line: bytes) -> dict[str, Any]:
    """The JSON object of a line; an empty one for anything else."""
    try:
        found = json.loads(line.decode(errors="replace"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _read(number: int, line: Mapping[str, Any]) -> tuple[int, tuple[str, str], str, Group]:
    """Step, metric and column, the group's name, and the group."""
    match line:
        case {
            "step": int(step),
            "name": str(name),
            "value": float() | int() | None as value,
            "rows": int(rows),
        }:
            groups = line[SLICE_KEY]
            if isinstance(groups, dict) and len(groups) == 1 and rows > 0:
                ((column, group),) = groups.items()
                if not isinstance(group, dict | list):
                    return step, (name, column), _text(group), Group(rows, _finite(value))
    raise StepError(
        "EvaluationFailed",
        f"Line {number} of EDGE_METRICS_FILE has a slice and does not tell a group's metric; write it as "
        f"{FORM}, with one column.",
    )


def _text(group: Any) -> str:
    return group if isinstance(group, str) else json.dumps(group)


def _finite(value: float | None) -> float | None:
    try:
        return None if value is None or not math.isfinite(value) else float(value)
    except OverflowError:
        return None


def told(groups: Groups, classification: str | None) -> dict[str, Group]:
    """The groups that may be told, each with its rows as coarse as they may be.

    Args:
        groups: All groups, the small ones too.
        classification: The contract's word for who may see the column, or None.
    """
    if classification == RESTRICTED:
        return {}
    k = PUBLIC_K if classification == PUBLIC else K
    shown = choose_categories({name: group.rows for name, group in groups.items()}, k)
    return {name: Group(coarse(rows, k) or 0, groups[name].value) for name, rows in shown.items()}


def table(groups: Groups, classification: str | None) -> list[dict[str, Any]]:
    """The groups that may be told, as they leave the site, the largest first."""
    return [
        {"group": name, "rows": group.rows, "value": group.value}
        for name, group in told(groups, classification).items()
    ]
