"""Tables for tests, from frames written as Parquet files."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from edge_runner.checks.outcomes import Outcome
from edge_runner.checks.rules import require_measurable
from edge_runner.contracts.compiler import compile_contract
from edge_runner.contracts.model import Contract
from edge_runner.steps.validate import check
from edge_runner.tables.files import data_files
from edge_runner.tables.opening import open_table
from edge_runner.tables.table import Table

PARTITION = "2013-02-01"


def opened(text: str, folder: Path, *frames: pl.DataFrame) -> tuple[Contract, Table]:
    """The compiled contract, and the frames as one table: a file of the holdout each."""
    contract = compile_contract(text)
    require_measurable(contract)
    (folder / "holdout").mkdir(parents=True)
    for number, frame in enumerate(frames):
        frame.write_parquet(folder / f"holdout/{number}.parquet")
    return contract, open_table(contract, data_files(folder, ["holdout"]), folder / "scratch")


def outcomes(text: str, folder: Path, *frames: pl.DataFrame) -> list[Outcome]:
    """What becomes of the contract's rules on these frames."""
    contract, table = opened(text, folder, *frames)
    return check(contract, table, {"contract": text, "partition": PARTITION}, folder).outcomes
