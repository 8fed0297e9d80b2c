"""The model registry: an MLflow server on SQLite with artifacts on disk."""

from __future__ import annotations

import os
from pathlib import Path

from local_site.health import LOOPBACK, answers_http
from local_site.layout import Layout
from local_site.processes import ProcessSpec


def model_registry(layout: Layout, python: Path, port: int) -> ProcessSpec:
    """The MLflow server's process.

    Args:
        layout: Paths of the site.
        python: Interpreter of the environment that holds the full mlflow.
        port: Loopback port.
    """
    (layout.mlflow_dir / "artifacts").mkdir(parents=True, exist_ok=True)
    options = {
        "--backend-store-uri": f"sqlite:///{layout.mlflow_dir / 'mlflow.db'}",
        "--artifacts-destination": str(layout.mlflow_dir / "artifacts"),
        "--host": LOOPBACK,
        "--port": str(port),
        "--workers": "1",
        "--allowed-hosts": f"{LOOPBACK}:{port},localhost:{port}",
    }
    return ProcessSpec(
        name="mlflow",
        command=[str(python), "-m", "mlflow", "server", "--serve-artifacts"]
        + [word for option in options.items() for word in option],
        healthy=answers_http(f"http://{LOOPBACK}:{port}/health"),
        environment=_environment(),
        ports=(port,),
        start_limit_s=90,
    )


def _environment() -> dict[str, str]:
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "PYTHON"))
    }
    return {
        **inherited,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "PYTHONUNBUFFERED": "1",
    }
