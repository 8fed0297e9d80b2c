"""Training: run the user's script in the sandbox, keep what it leaves, and say how it went.

Request: `{script, partition, seed, params, threads, time_limit_s}`.
Value: `{metrics: {name: last value}, seconds, peak_memory_bytes, container_peak_memory_bytes, hardware}`.

Time and memory are those of the last start: what was done before an interruption is not in them.
`peak_memory_bytes` is the largest resident size of one process of the script, and at least that of the
runner, tens of MB, which the kernel counts in (measured); that of the container counts all processes and
cached files, and is None where the kernel does not say. `hardware` is the VM's, see `hardware.py`.
"""

from __future__ import annotations

import resource
import shutil
import time
from collections.abc import Mapping
from typing import Any

from edge_runner import memory, mlflow_files
from edge_runner.checkpoints import remove_torn
from edge_runner.hardware import hardware
from edge_runner.listing import CHECKPOINTS_NAME, METRICS_PATH, MODEL_FILE_PATH, MODEL_NAME
from edge_runner.metrics import finish_last_line, last_values
from edge_runner.protocol import Dirs, StepError
from edge_runner.script import common_variables, require_script, run_script
from edge_runner.script_end import require_success


def run(request: Mapping[str, Any], secrets: Mapping[str, str], dirs: Dirs) -> dict[str, Any]:
    """Train once; a checkpoint left by an interrupted try is found in `EDGE_CHECKPOINT_DIR`.

    Raises:
        StepError: kinds `BadRequest`, `NoModel` and those of `script_end.require_success`.
    """
    script, time_limit_s = str(request["script"]), float(request["time_limit_s"])
    require_script(dirs, script, "training_script")
    variables = prepare(request, dirs)
    started = time.monotonic()
    with mlflow_files.followed(dirs):
        end = run_script(dirs, script, variables, int(request["threads"]), time_limit_s)
    require_success(end, script, time_limit_s, "TrainingFailed", "train")
    mlflow_files.adopt_logged_model(dirs)
    if not (dirs.job / MODEL_FILE_PATH).is_file():
        raise StepError(
            "NoModel",
            f"{script} ended well but left no MLmodel in EDGE_MODEL_DIR; save the model there, e.g. "
            "with mlflow.sklearn.save_model, or log it with MLflow.",
        )
    return {
        "metrics": last_values(dirs.job / METRICS_PATH),
        "seconds": round(time.monotonic() - started, 3),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024,
        "container_peak_memory_bytes": memory.read().peak_bytes,
        "hardware": hardware(),
    }


def prepare(request: Mapping[str, Any], dirs: Dirs) -> dict[str, str]:
    """Lay out the job's directory and name it in the script's variables; only whole checkpoints and metrics
    of an earlier start stay.
    """
    model, checkpoints = dirs.job / MODEL_NAME, dirs.job / CHECKPOINTS_NAME
    shutil.rmtree(model, ignore_errors=True)
    checkpoints.mkdir(exist_ok=True)
    remove_torn(checkpoints)
    finish_last_line(dirs.job / METRICS_PATH)
    own = {"EDGE_CHECKPOINT_DIR": str(checkpoints)}
    return common_variables(request, model, dirs) | mlflow_files.variables(dirs) | own
