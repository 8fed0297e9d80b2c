"""An MLflow server of the benchmark's own, with the local site's settings."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environment import ROOT
from benchmarks.staging.server import free_port
from local_site.environments import site_python
from local_site.layout import Layout
from local_site.model_registry import model_registry
from local_site.processes import Supervisor
from local_site.settings import Settings


@dataclass(frozen=True)
class Server:
    """A running one.

    Attributes:
        url: Its address.
        artifacts_dir: Where it keeps files.
    """

    url: str
    artifacts_dir: Path

    def forget_files(self) -> None:
        """Remove what was uploaded, and let the disk come to rest."""
        for path in self.artifacts_dir.iterdir():
            shutil.rmtree(path)
        os.sync()


@contextmanager
def served(folder: Path) -> Iterator[Server]:
    """Serve for the length of a block, from an empty directory."""
    cache_dir, lock_file = Settings.for_tests().cache_dir, ROOT / "requirements-local-site.txt"
    layout, port = Layout(folder, cache_dir), free_port()
    python = site_python(cache_dir, lock_file, layout.log_file("site-environment"))
    process, supervisor = model_registry(layout, python, port), Supervisor(layout)
    supervisor.ensure(process)
    try:
        yield Server(f"http://127.0.0.1:{port}", layout.mlflow_dir / "artifacts")
    finally:
        supervisor.stop(process.name)
