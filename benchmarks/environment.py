"""Airflow reads its settings when it is imported: this comes before."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.fernet import Fernet

ROOT = Path(__file__).parents[1]


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
