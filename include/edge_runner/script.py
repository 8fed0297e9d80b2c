"""Runs a user's script in the container: plain files and variables in, its lines out, one sentence when it
fails.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from edge_runner.listing import METRICS_PATH
from edge_runner.protocol import MODEL_CODE_NAME, Dirs, StepError, canonical_json, write_atomically

LAST_LINES = 50
GRACE_S = 20
PARAMS_NAME = "params.json"
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "NUMEXPR_NUM_THREADS",
)
HINTS = (
    (
        re.compile(r"Read-only file system|Permission denied", re.IGNORECASE),
        "it may write only under EDGE_MODEL_DIR, EDGE_CHECKPOINT_DIR, EDGE_METRICS_FILE and /tmp",
    ),
    (
        re.compile(
            r"Network is unreachable|Name or service not known|Temporary failure in name resolution",
            re.IGNORECASE,
        ),
        "edge jobs have no network: put what it downloads into the runtime image or beside the script",
    ),
    (
        re.compile(r"ModuleNotFoundError|No module named"),
        "add the missing package to the training runtime's requirements",
    ),
    (re.compile(r"No space left on device"), "free disk on the site or raise the step's scratch space"),
)


@dataclass(frozen=True)
class ScriptEnd:
    """How a script ended.

    Attributes:
        exit_code: Its exit code; negative for a signal.
        last_lines: What it wrote last.
        timed_out: Whether it was ended at its time limit.
        interrupted: Whether the container was told to stop meanwhile.
    """

    exit_code: int
    last_lines: tuple[str, ...]
    timed_out: bool
    interrupted: bool


def environment(variables: Mapping[str, str], threads: int) -> dict[str, str]:
    """All a script sees: the image's paths, pinned threads and hash seed, and the `EDGE_*` variables."""
    inherited = {
        name: os.environ[name]
        for name in ("PATH", "PYTHONPATH", "LANG", "NVIDIA_VISIBLE_DEVICES")
        if name in os.environ
    }
    pinned = {name: str(threads) for name in THREAD_VARIABLES}
    return (
        inherited
        | pinned
        | {"HOME": "/tmp", "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        | dict(variables)
    )


def common_variables(request: Mapping[str, Any], model: Path, dirs: Dirs) -> dict[str, str]:
    """What training and evaluation scripts are told alike; writes the file of parameters.

    Args:
        request: `params`, `partition` and `seed`.
        model: The MLflow model directory, written by the one and read by the other.
        dirs: Where the files are.
    """
    params_file = dirs.job / PARAMS_NAME
    write_atomically(params_file, canonical_json(request["params"]))
    return {
        "EDGE_DATA_DIR": str(dirs.data),
        "EDGE_MODEL_DIR": str(model),
        "EDGE_METRICS_FILE": str(dirs.job / METRICS_PATH),
        "EDGE_PARAMS_FILE": str(params_file),
        "EDGE_PARTITION": str(request["partition"]),
        "EDGE_SEED": str(request["seed"]),
    }


def run_script(
    dirs: Dirs, script: str, variables: Mapping[str, str], threads: int, time_limit_s: float
) -> ScriptEnd:
    """Run `script` of the model's code with Python, passing its lines on as they come.

    A SIGTERM to the container reaches the script, which may use the grace period to leave a checkpoint.
    """
    folder = dirs.code / MODEL_CODE_NAME
    process = subprocess.Popen(
        [sys.executable, script],
        cwd=folder,
        env=environment(variables, threads),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="backslashreplace",
    )
    assert process.stdout is not None  # it was asked for above
    last_lines: deque[str] = deque(maxlen=LAST_LINES)
    reader = threading.Thread(target=pass_on, args=(process.stdout, last_lines), daemon=True)
    reader.start()
    with passing_on_sigterm(process) as interrupted:
        timed_out = not ended_within(process, time_limit_s)
        if timed_out:
            process.terminate()
            if not ended_within(process, GRACE_S):
                process.kill()
        exit_code = process.wait()
    reader.join(GRACE_S)
    return ScriptEnd(exit_code, tuple(last_lines), timed_out, interrupted.is_set())


@contextmanager
def passing_on_sigterm(process: subprocess.Popen[str]) -> Iterator[threading.Event]:
    """Hand a SIGTERM on to the script; the event says whether there was one."""
    interrupted = threading.Event()

    def hand_on(_signal_number: int, _frame: object) -> None:
        interrupted.set()
        process.send_signal(signal.SIGTERM)

    previous = signal.signal(signal.SIGTERM, hand_on)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGTERM, previous)


def pass_on(lines: IO[str], last_lines: deque[str]) -> None:
    """Write the script's lines to the container's log and remember the last ones."""
    for line in lines:
        sys.stdout.write(line)
        sys.stdout.flush()
        last_lines.append(line.rstrip("\n"))


def ended_within(process: subprocess.Popen[str], limit_s: float) -> bool:
    """Whether the process ends in time."""
    try:
        process.wait(limit_s)
    except subprocess.TimeoutExpired:
        return False
    return True


def require_success(end: ScriptEnd, script: str, time_limit_s: float, failed_kind: str, verb: str) -> None:
    """Raise the error that the script's end amounts to, if it does.

    Args:
        end: How it ended.
        script: Its name.
        time_limit_s: How long it was allowed to take.
        failed_kind: The error's kind when the script itself failed.
        verb: What the script should do less of when it took too long.

    Raises:
        StepError: kind `JobInterrupted`, `TimeLimit` or `failed_kind`.
    """
    refuse_interrupted(end, script)
    if end.timed_out:
        raise StepError(
            "TimeLimit",
            f"{script} ran longer than its limit of {time_limit_s:g} s; raise the limit or {verb} less.",
        )
    if end.exit_code != 0:
        how = f"signal {-end.exit_code}" if end.exit_code < 0 else f"exit code {end.exit_code}"
        details = {"exit_code": end.exit_code, "last_lines": list(end.last_lines)}
        raise StepError(failed_kind, f"{script} ended with {how}: {hint(end.last_lines)}.", details)


def refuse_interrupted(end: ScriptEnd, script: str) -> None:
    """Whatever a script made of its last seconds, a try that was told to stop counts as not done.

    Raises:
        StepError: kind `JobInterrupted`.
    """
    if end.interrupted:
        raise StepError(
            "JobInterrupted",
            f"{script} was ended from outside by SIGTERM; the next try resumes from its last checkpoint.",
        )


def hint(last_lines: tuple[str, ...]) -> str:
    """The remedy that a script's last lines suggest; the last one itself where they suggest none."""
    text = "\n".join(last_lines)
    said = f"its last line was {last_lines[-1]!r}" if last_lines else "it wrote nothing"
    return next((remedy for pattern, remedy in HINTS if pattern.search(text)), said)


def require_script(dirs: Dirs, script: str, setting: str) -> None:
    """Make sure that the model's code has this script.

    Raises:
        StepError: kind `BadRequest`, naming the setting of the DAG file that asks for it.
    """
    if not script_exists(dirs, script):
        raise StepError(
            "BadRequest", f"The model's code has no script {script!r}; correct `{setting}` in the DAG file."
        )


def script_exists(dirs: Dirs, script: str) -> bool:
    """Whether the model's code has this script."""
    path = Path(script)
    return (
        not path.is_absolute() and ".." not in path.parts and (dirs.code / MODEL_CODE_NAME / path).is_file()
    )
