"""The project that Airflow runs in the suite: one DAG per fault, one model folder for all of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from tests.chaos.fault import Fault
from tests.chaos.line import description

DAG_FILE = "chaos.py"
EXAMPLE = Path(__file__).parent / "example"
KEPT = "maintain_*.py"
"""The housekeeping's DAG: it ends what nobody owns any more."""


def write_project(
    root: Path,
    repository: Path,
    faults: Iterable[Fault],
    *,
    dag_file: str,
    facts: Mapping[str, object],
    housekeeping: bool,
) -> None:
    """Write the project anew, so that an older one leaves nothing behind.

    Args:
        root: Where to.
        repository: Where the example's contract and the housekeeping are copied from.
        faults: One for each DAG.
        dag_file: The example's file that makes them.
        facts: What that file is told beside each fault.
        housekeeping: Whether the housekeeping's DAG is there too.
    """
    shutil.rmtree(root, ignore_errors=True)
    add_to_project(root, repository, faults, dag_file, facts)
    for path in (repository / "dags").glob(KEPT) if housekeeping else ():
        shutil.copy(path, root / "dags")


def add_to_project(
    root: Path,
    repository: Path,
    faults: Iterable[Fault],
    dag_file: str = DAG_FILE,
    facts: Mapping[str, object] = MappingProxyType({}),
) -> None:
    """Write the faults' DAGs and model into a project."""
    folder, dags = root / "include" / "chaos", root / "dags"
    shutil.copytree(EXAMPLE / "model", folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(repository / "include" / "flight_delay" / "contract.yaml", folder)
    told = [{**description(fault), **facts} for fault in faults]
    dags.mkdir(parents=True, exist_ok=True)
    (dags / "chaos_lines.json").write_text(json.dumps(told, indent=2))
    shutil.copy(EXAMPLE / "dags" / dag_file, dags)
