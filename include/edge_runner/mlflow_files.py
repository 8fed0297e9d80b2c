"""What a script logs with MLflow's own API: it goes to files in the sandbox, which are read back here.

A script that calls `mlflow.autolog()`, `log_metric` or `log_model` needs no server and no change: it finds a
file store as its tracking URI. Points go on to the metrics file while it trains, as if the script had written
them there; parameters and tags leave with the bundle; a logged model is the model, unless the script has
saved one itself. Of the runs it makes, those without a parent count, the last one first.
Its threads use the store in turn (`mlflow_plugin/`).

Layout (MLflow 3, `mlflow.store.tracking.file_store`): `<experiment>/<run>/{meta.yaml,params/,tags/,metrics/}`
with a metric's points as lines of `time value step`; `<experiment>/models/m-*/{meta.yaml,artifacts/}`.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import yaml

from edge_runner.listing import METRICS_PATH, MODEL_FILE_PATH, MODEL_NAME
from edge_runner.protocol import Dirs
from edge_runner.ticking import ticking

STORE_NAME = "mlflow"
PLUGIN_FOLDER = Path(__file__).with_name("mlflow_plugin")
FOLLOW_EVERY_S = 1.0
PARENT_TAG = "mlflow.parentRunId"
SYSTEM_PREFIX = "mlflow."
MODEL_FILE = Path(MODEL_FILE_PATH).name


def variables(dirs: Dirs) -> dict[str, str]:
    """What makes MLflow's API log to files, and to nothing else."""
    paths = (str(PLUGIN_FOLDER), os.environ.get("PYTHONPATH"))
    return {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "MLFLOW_TRACKING_URI": (dirs.job / STORE_NAME).as_uri(),
        "MLFLOW_ALLOW_FILE_STORE": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "GIT_PYTHON_REFRESH": "quiet",
    }


def followed(dirs: Dirs) -> AbstractContextManager[None]:
    """Pass points on to the metrics file while a block runs, and what is left at its end."""
    points, metrics_file = NewPoints(dirs.job / STORE_NAME), dirs.job / METRICS_PATH
    return ticking(lambda: append(metrics_file, points.take()), FOLLOW_EVERY_S, "mlflow")


def append(metrics_file: Path, points: list[dict[str, Any]]) -> None:
    """Add points to the metrics file, whole lines at once, for the script may write to it, too; a script that
    has put something else in its place has no metrics.
    """
    if not points:
        return
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK
    with suppress(OSError), os.fdopen(os.open(metrics_file, flags, 0o644), "wb", buffering=0) as file:
        file.write(b"".join(json.dumps(point).encode() + b"\n" for point in points))


class NewPoints:
    """The points that have been added to a store since the last look."""

    def __init__(self, store: Path) -> None:
        """Look from the beginning; there need be no store yet."""
        self._store = store
        self._read: dict[Path, int] = {}

    def take(self) -> list[dict[str, Any]]:
        """The new points, in whole lines, by run, metric and time."""
        return [
            point
            for run in runs(self._store)
            for file in sorted((run / "metrics").rglob("*"))
            if file.is_file()
            for point in self._of(file, file.relative_to(run / "metrics").as_posix())
        ]

    def _of(self, file: Path, name: str) -> Iterator[dict[str, Any]]:
        with file.open("rb") as opened:
            opened.seek(self._read.get(file, 0))
            lines, _, _ = opened.read().rpartition(b"\n")
        self._read[file] = self._read.get(file, 0) + len(lines) + bool(lines)
        for line in lines.splitlines():
            if point := _point(name, line):
                yield point


def _point(name: str, line: bytes) -> dict[str, Any] | None:
    """A line of a metric's file; None for one that is no finite number, which no registry shows either."""
    try:
        _, text, step, *_ = line.split()
        value, at = float(text), int(step)
    except ValueError:
        return None
    return {"step": at, "name": name, "value": value} if math.isfinite(value) else None


def runs(store: Path) -> list[Path]:
    """The runs without a parent."""
    found = (path.parent for path in sorted(store.glob("*/*/metrics/")))
    return [run for run in found if not (run / "tags" / PARENT_TAG).exists()]


def _moment(folder: Path, name: str) -> tuple[int, str]:
    """When something was made, as its `meta.yaml` says under a name; in milliseconds."""
    return int(_meta(folder).get(name) or 0), folder.name


def _meta(folder: Path) -> Mapping[str, Any]:
    found = yaml.safe_load((folder / "meta.yaml").read_bytes())
    return found if isinstance(found, dict) else {}


def logged(store: Path) -> dict[str, dict[str, str]]:
    """Parameters and tags of the last run, without MLflow's own tags; empty when there is no run."""
    last = max(runs(store), key=lambda run: _moment(run, "start_time"), default=None)
    if last is None:
        return {}
    tags = _values(last / "tags")
    return {
        "params": _values(last / "params"),
        "tags": {name: value for name, value in tags.items() if not name.startswith(SYSTEM_PREFIX)},
    }


def _values(folder: Path) -> dict[str, str]:
    """A folder of files, each a value, by name; a name with slashes lies in folders below."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


def adopt_logged_model(dirs: Dirs) -> None:
    """Make the model that was logged last the training's model, unless the script has saved one."""
    model = dirs.job / MODEL_NAME
    if (model / MODEL_FILE).is_file():
        return
    found = [path.parents[1] for path in (dirs.job / STORE_NAME).glob(f"*/models/*/artifacts/{MODEL_FILE}")]
    if found:
        last = max(found, key=lambda folder: _moment(folder, "creation_timestamp"))
        shutil.rmtree(model, ignore_errors=True)
        shutil.copytree(last / "artifacts", model)
