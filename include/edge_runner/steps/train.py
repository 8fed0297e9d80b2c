"""Training: run the user's script in the sandbox, keep what it leaves, and say how it went.

Request: `{script, partition, seed, params, threads, time_limit_s}`.
Value: `{metrics: {name: last value}, seconds, peak_memory_bytes}`.
"""

from __future__ import annotations

import resource
import shutil
import time
from collections.abc import Mapping
from typing import Any

from edge_runner.metrics import last_values
from edge_runner.protocol import Dirs, StepError, canonical_json, write_atomically
from edge_runner.script import ScriptEnd, hint, refuse_interrupted, run_script, script_exists

MODEL_FILE = "MLmodel"


def run(request: Mapping[str, Any], secrets: Mapping[str, str], dirs: Dirs) -> dict[str, Any]:
    """Train once; a checkpoint left by an interrupted try is found in `EDGE_CHECKPOINT_DIR`.

    Raises:
        StepError: kinds `BadRequest`, `JobInterrupted`, `TrainingFailed`, `TimeLimit`, `NoModel`.
    """
    script = str(request["script"])
    if not script_exists(dirs, script):
        raise StepError(
            "BadRequest", f"The model's code has no script {script!r}; correct `script` in the DAG file."
        )
    variables = prepare(request, dirs)
    started = time.monotonic()
    end = run_script(dirs, script, variables, int(request["threads"]), float(request["time_limit_s"]))
    check(end, script, float(request["time_limit_s"]))
    model = dirs.job / "model"
    if not (model / MODEL_FILE).is_file():
        raise StepError(
            "NoModel",
            f"{script} ended well but left no {MODEL_FILE} in EDGE_MODEL_DIR; save the model there, e.g. "
            "with mlflow.sklearn.save_model.",
        )
    return {
        "metrics": last_values(dirs.job / "metrics.jsonl"),
        "seconds": round(time.monotonic() - started, 3),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024,
    }


def prepare(request: Mapping[str, Any], dirs: Dirs) -> dict[str, str]:
    """Lay out the job's directory and name it in the script's variables; only checkpoints and metrics of an
    earlier try stay.
    """
    shutil.rmtree(dirs.job / "model", ignore_errors=True)
    checkpoints = dirs.job / "checkpoints"
    checkpoints.mkdir(exist_ok=True)
    write_atomically(dirs.job / "params.json", canonical_json(request["params"]))
    return {
        "EDGE_DATA_DIR": str(dirs.data),
        "EDGE_MODEL_DIR": str(dirs.job / "model"),
        "EDGE_METRICS_FILE": str(dirs.job / "metrics.jsonl"),
        "EDGE_CHECKPOINT_DIR": str(checkpoints),
        "EDGE_PARAMS_FILE": str(dirs.job / "params.json"),
        "EDGE_PARTITION": str(request["partition"]),
        "EDGE_SEED": str(request["seed"]),
    }


def check(end: ScriptEnd, script: str, time_limit_s: float) -> None:
    """Raise the error that the script's end amounts to, if it does."""
    refuse_interrupted(end, script)
    if end.timed_out:
        raise StepError(
            "TimeLimit",
            f"{script} ran longer than its limit of {time_limit_s:g} s; raise the limit or train less.",
        )
    if end.exit_code != 0:
        how = f"signal {-end.exit_code}" if end.exit_code < 0 else f"exit code {end.exit_code}"
        details = {"exit_code": end.exit_code, "last_lines": list(end.last_lines)}
        raise StepError("TrainingFailed", f"{script} ended with {how}: {hint(end.last_lines)}.", details)
