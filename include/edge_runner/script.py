"""Runs a user's script in the container: plain files and variables in, its lines out, one sentence when it
fails.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from edge_runner import memory
from edge_runner.listing import METRICS_PATH
from edge_runner.output import LAST_LINES
from edge_runner.pipes import left_in, read_within
from edge_runner.protocol import MODEL_CODE_NAME, Dirs, StepError, canonical_json, write_atomically
from edge_runner.script_end import ScriptEnd

TAIL_BYTES = 2**16
POLL_S = 0.25
GRACE_S = 20.0
PARAMS_NAME = "params.json"
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "NUMEXPR_NUM_THREADS",
)


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
    dirs: Dirs,
    script: str,
    variables: Mapping[str, str],
    threads: int,
    time_limit_s: float,
    grace_s: float = GRACE_S,
) -> ScriptEnd:
    """Run `script` of the model's code with Python, passing its output on as it comes.

    A SIGTERM to the container reaches the script, which may use the grace period to leave a checkpoint. What
    the script has started ends with it.
    """
    before = memory.read()
    with interruption() as interrupted, launch(dirs, script, environment(variables, threads)) as process:
        interrupted.reaches(process)
        running = Running(process)
        timed_out = not running.has_ended_within(time_limit_s)
        if timed_out:
            process.terminate()
            running.has_ended_within(grace_s)
        exit_code = running.end()
    return ScriptEnd(
        exit_code,
        last_lines(bytes(running.tail)),
        timed_out,
        interrupted.happened,
        memory.read().since(before),
        {"the job's volume": free(dirs.job), "/tmp": free(Path("/tmp"))},
    )


def launch(dirs: Dirs, script: str, variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the script, in a session of its own: what it starts can be ended with it."""
    return subprocess.Popen(
        [sys.executable, script],
        cwd=dirs.code / MODEL_CODE_NAME,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


class Running:
    """A script that runs, and whose output is passed on byte for byte.

    Attributes:
        tail: The end of its output.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None  # `launch` asks for it
        self._process = process
        self._output = process.stdout.fileno()
        self.tail = bytearray()

    def has_ended_within(self, limit_s: float) -> bool:
        """Pass its output on until it ends; False when it does not in time."""
        deadline, is_open = time.monotonic() + limit_s, True
        while self._process.poll() is None:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            if is_open:
                is_open = self._pass_on(read_within(self._output, min(left_s, POLL_S)))
            else:
                time.sleep(min(left_s, POLL_S))
        return True

    def end(self) -> int:
        """End it, if it has not ended, and what it has left running, which must write neither to the model
        nor to the log any more; gives its exit code.
        """
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        exit_code = self._process.wait()
        for chunk in left_in(self._output):
            self._pass_on(chunk)
        return exit_code

    def _pass_on(self, chunk: bytes | None) -> bool:
        """Whether more may come."""
        if chunk:
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
            self.tail += chunk
            del self.tail[:-TAIL_BYTES]
        return chunk != b""


class Interruption:
    """A SIGTERM to this process, handed on to the script.

    Attributes:
        happened: Whether there was one.
    """

    def __init__(self) -> None:
        self.happened = False
        self._process: subprocess.Popen[bytes] | None = None

    def reaches(self, process: subprocess.Popen[bytes]) -> None:
        """From now on this is the script; it hears of an earlier one too."""
        self._process = process
        if self.happened:
            process.terminate()

    def handle(self, *_: object) -> None:
        """The signal's handler."""
        self.happened = True
        if self._process:
            self._process.terminate()


@contextmanager
def interruption() -> Iterator[Interruption]:
    """Heed SIGTERM for the length of a `with`."""
    found = Interruption()
    previous = signal.signal(signal.SIGTERM, found.handle)
    try:
        yield found
    finally:
        signal.signal(signal.SIGTERM, previous)


def free(directory: Path) -> int:
    """How many bytes may still be written there."""
    return shutil.disk_usage(directory).free


def last_lines(tail: bytes) -> tuple[str, ...]:
    """The last lines of a script's output."""
    return tuple(tail.decode(errors="backslashreplace").splitlines()[-LAST_LINES:])


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
