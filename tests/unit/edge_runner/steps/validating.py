"""Lays data out for the validate step and runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from edge_runner.protocol import Dirs, StepError
from edge_runner.steps import validate

CANARY = "canary-7f3a9c"
"""A value that nothing may tell."""
VOLUME = "edge-validate-0123"


def put(dirs: Dirs, name: str, content: bytes) -> Path:
    """Write a file of the staged data."""
    path = dirs.data / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def write(dirs: Dirs, name: str, frame: pl.DataFrame) -> Path:
    """Write a Parquet file of the staged data."""
    path = put(dirs, name, b"")
    frame.write_parquet(path)
    return path


def ints(*values: int | None) -> pl.DataFrame:
    """A column `x`."""
    return pl.DataFrame({"x": pl.Series(values, dtype=pl.Int64)})


def run(dirs: Dirs, text: str) -> dict[str, Any]:
    """Hold the staged data against a contract."""
    return validate.run({"contract": text, "partition": "2013-02-01", "volume": VOLUME}, {}, dirs)


def refusal(dirs: Dirs, text: str) -> StepError:
    """The error that this ends with."""
    with pytest.raises(StepError) as caught:
        run(dirs, text)
    return caught.value
