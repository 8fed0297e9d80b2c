"""Airflow reads its settings when it is imported: a conftest whose tests import it calls `prepare` first."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def variables(home: Path) -> dict[str, str]:
    """Settings of an Airflow that reads this checkout and writes below `home` only."""
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONPATH": f"{ROOT / 'include'}:{ROOT / 'plugins'}",
    }


def prepare() -> None:
    """Give this process an Airflow of its own unless its caller has chosen one."""
    if "AIRFLOW_HOME" not in os.environ:
        home = tempfile.mkdtemp(prefix="edge-tests-airflow-")
        atexit.register(shutil.rmtree, home, ignore_errors=True)
        os.environ.update(variables(Path(home)))
