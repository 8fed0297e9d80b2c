"""The project that Airflow runs in the suite: one DAG per fault, one model folder for all of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from tests.chaos.fault import Fault
from tests.chaos.line import description

EXAMPLE = Path(__file__).parent / "example"
KEPT = "maintain_*.py"
"""The housekeeping's DAG: it ends what nobody owns any more."""


def write_project(root: Path, repository: Path, faults: Iterable[Fault]) -> None:
    """Write the project anew, so that an older one leaves nothing behind.

    Args:
        root: Where to.
        repository: Where the example's contract and the housekeeping are copied from.
        faults: One for each DAG.
    """
    shutil.rmtree(root, ignore_errors=True)
    add_to_project(root, repository, faults)
    for path in (repository / "dags").glob(KEPT):
        shutil.copy(path, root / "dags")


def add_to_project(root: Path, repository: Path, faults: Iterable[Fault]) -> None:
    """Write the faults' DAGs and model into a project."""
    folder, dags = root / "include" / "chaos", root / "dags"
    shutil.copytree(EXAMPLE / "model", folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(repository / "include" / "flight_delay" / "contract.yaml", folder)
    dags.mkdir(parents=True, exist_ok=True)
    (dags / "chaos_lines.json").write_text(json.dumps([description(fault) for fault in faults], indent=2))
    shutil.copy(EXAMPLE / "dags" / "chaos.py", dags)
