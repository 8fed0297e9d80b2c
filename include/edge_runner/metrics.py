"""The metrics file: JSON lines `{"step", "name", "value"}`, appended by a script, read by us."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any


def read_points(path: Path) -> list[dict[str, Any]]:
    """All points, in the order of their steps; a step written again by a resumed training counts once, with
    its last value.

    Torn or foreign lines and values that are not finite are passed over: a broken metric never fails a
    training.
    """
    points: dict[tuple[int, str], float] = {}
    for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
        try:
            point = json.loads(line)
            key, value = (int(point["step"]), str(point["name"])), float(point["value"])
        except (ValueError, OverflowError, KeyError, TypeError):
            continue
        if math.isfinite(value):
            points[key] = value
    return [{"step": step, "name": name, "value": value} for (step, name), value in sorted(points.items())]


def last_values(path: Path) -> dict[str, float]:
    """The last value of each metric."""
    return {point["name"]: point["value"] for point in read_points(path)}
