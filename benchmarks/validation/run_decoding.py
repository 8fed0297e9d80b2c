"""Decodes every value and keeps none: less no program can do that looks at all of them.

A batch that the sink gets is columns of values in memory, dictionaries looked up and texts checked, as a rule
needs them: to ask for each column's largest value, too, takes a tenth more processor time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from benchmarks.validation import measured


def broken(folder: Path, rows: int) -> Sequence[str]:
    """Let every batch of the streaming engine be made, and dropped."""
    seen = 0

    def drop(batch: pl.DataFrame) -> None:
        nonlocal seen
        seen += batch.height

    frame = pl.scan_parquet(folder / "**/*.parquet", hive_partitioning=False)
    frame.sink_batches(drop, engine="streaming")
    return [] if seen == rows else ["row count"]


if __name__ == "__main__":
    measured.main(broken)
