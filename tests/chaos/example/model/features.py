"""What the model of the fault suite knows of a flight."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

COLUMNS = ["hour", "minute", "distance"]
TARGET = "arr_delay"
SCALES = {"hour": 24.0, "minute": 60.0, "distance": 5000.0}


def read_flights(folder: Path) -> dict[str, np.ndarray]:
    """The flights that arrived, by column, in the order of the files' names."""
    import polars

    files = sorted(folder.rglob("*.parquet"))
    flights = polars.concat([polars.read_parquet(file, columns=[*COLUMNS, TARGET]) for file in files])
    arrived = flights.drop_nulls()
    return {name: arrived[name].cast(polars.Float64).to_numpy() for name in [*COLUMNS, TARGET]}


def matrix(flights: Mapping[str, Any]) -> np.ndarray:
    """One row per flight: a constant, the columns scaled to about 1, and their squares."""
    scaled = [np.asarray(flights[name], dtype=np.float64) / SCALES[name] for name in COLUMNS]
    return np.stack([np.ones_like(scaled[0]), *scaled, *(column**2 for column in scaled)], axis=1)
