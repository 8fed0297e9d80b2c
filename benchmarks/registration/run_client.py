"""Uploads a directory into a new run, or downloads the files of a model's first run, with MLflow's client.

`python -m benchmarks.registration.run_client upload URL NAME DIRECTORY` or `... download URL NAME DIRECTORY`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from mlflow import MlflowClient

from benchmarks.measured import peak_bytes, tell


def upload(client: MlflowClient, name: str, path: str) -> Callable[[], object]:
    """Log the files as artifacts of a run that is there already."""
    run_id = client.create_run(client.create_experiment(name)).info.run_id
    return lambda: client.log_artifacts(run_id, path)


def download(client: MlflowClient, name: str, path: str) -> Callable[[], object]:
    """Download all files of a run."""
    experiment = client.get_experiment_by_name(name)
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    return lambda: client.download_artifacts(run.info.run_id, "", path)


def main(action: str, url: str, name: str, path: str) -> None:
    """Do it once."""
    client = MlflowClient(url, url)
    work = {"upload": upload, "download": download}[action](client, name, path)
    before_bytes, began_at = peak_bytes(), time.perf_counter()
    work()
    tell(time.perf_counter() - began_at, before_bytes=before_bytes)


if __name__ == "__main__":
    main(*sys.argv[1:])
