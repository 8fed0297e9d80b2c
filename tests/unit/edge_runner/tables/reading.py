"""Writes small files for tests and reads them back."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl

from edge_runner.contracts.compiler import compile_contract
from edge_runner.tables.files import data_files
from edge_runner.tables.opening import open_table
from edge_runner.tables.table import Table


def put(folder: Path, name: str, content: str | bytes) -> Path:
    """Write a file below the holdout; compressed when its name says so."""
    raw = content.encode() if isinstance(content, str) else content
    path = folder / "holdout" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return path


def table_of(folder: Path, text: str) -> Table:
    """All files below the folder as one table of the contract."""
    return open_table(compile_contract(text), data_files(folder, ["train", "holdout"]), folder / "scratch")


def rows_of(folder: Path, text: str) -> list[tuple[object, ...]]:
    """The same, read."""
    frame = table_of(folder, text).frame().collect()
    assert isinstance(frame, pl.DataFrame)
    return frame.rows()
