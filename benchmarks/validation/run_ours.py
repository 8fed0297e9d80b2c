"""Validates with the step that runs on a site."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.validation import measured
from benchmarks.validation.contract import contract
from benchmarks.validation.limits import LAST_DAY
from edge_runner.protocol import Dirs, StepError
from edge_runner.steps import validate


def broken(folder: Path, rows: int) -> Sequence[str]:
    """Run the step on the directory, which stands below as its holdout."""
    request = {"contract": contract(rows), "partition": str(LAST_DAY), "volume": "job"}
    try:
        with TemporaryDirectory() as job:
            validate.run(request, {}, Dirs(data=folder, job=Path(job)))
    except StepError as error:
        rules = error.details.get("rules", [])
        failed = [f"{rule['column']} {rule['rule']}" for rule in rules if rule["outcome"] == "failed"]
        return failed or [error.message]
    return []


if __name__ == "__main__":
    measured.main(broken)
