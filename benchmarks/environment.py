"""The environment of the benchmarks; Airflow reads its settings when it is imported, so this comes before."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.fernet import Fernet

ROOT = Path(__file__).parents[1]


def with_own_code() -> dict[str, str]:
    """The environment of a program of ours in another process, which needs no Airflow."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "include")))}


def prepare(home: Path) -> None:
    """Give this process and its children an Airflow of their own."""
    os.environ.update(
        {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(home),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home),
            "PYTHONPATH": ":".join(str(ROOT / name) for name in (".", "include", "plugins")),
        }
    )
