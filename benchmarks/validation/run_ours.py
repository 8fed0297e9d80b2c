"""Validates with the step that runs on a site."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.validation import measured
from benchmarks.validation.contract import contract
from edge_runner.protocol import Dirs, StepError
from edge_runner.steps import validate


def broken(folder: Path, rows: int) -> Sequence[str]:
    """Run the step on the directory, which stands below as its holdout."""
    request = {"contract": contract(rows), "partition": "2026-06-01"}
    try:
        validate.run(request, {}, Dirs(data=folder))
    except StepError as error:
        rules = error.details.get("rules", [])
        failed = [f"{rule['column']} {rule['rule']}" for rule in rules if rule["outcome"] == "failed"]
        return failed or [error.message]
    return []


if __name__ == "__main__":
    measured.main(broken)
