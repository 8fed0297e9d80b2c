"""A script's bad end is one error: its kind decides about a retry, its sentence names the remedy."""

from __future__ import annotations

import signal

import pytest

from edge_runner.memory import Memory
from edge_runner.protocol import StepError
from edge_runner.script_end import ScriptEnd, require_success

ENOUGH = Memory(512 * 2**20, 100 * 2**20, 0)
TOO_LITTLE = Memory(512 * 2**20, 512 * 2**20, 1)
FREE = {"the job's volume": 3 * 2**20, "/tmp": 0}


def ended(exit_code=1, lines=(), timed_out=False, interrupted=False, memory=ENOUGH) -> ScriptEnd:
    return ScriptEnd(exit_code, tuple(lines), timed_out, interrupted, memory, FREE)


def error_of(end: ScriptEnd) -> StepError:
    with pytest.raises(StepError) as caught:
        require_success(end, "train.py", 60, "TrainingFailed", "train")
    return caught.value


def test_a_script_that_ended_well_is_no_error():
    require_success(ended(exit_code=0), "train.py", 60, "TrainingFailed", "train")


@pytest.mark.parametrize("exit_code", [0, 1, -signal.SIGTERM, -signal.SIGKILL])
@pytest.mark.parametrize("timed_out", [True, False])
def test_an_interrupted_try_is_retried_however_the_script_ended(exit_code, timed_out):
    error = error_of(ended(exit_code, timed_out=timed_out, interrupted=True, memory=TOO_LITTLE))
    assert error.kind == "JobInterrupted"
    assert "resumes from its last checkpoint" in error.message


def test_a_script_at_its_time_limit_is_too_slow_however_it_ended():
    error = error_of(ended(0, timed_out=True))
    assert (error.kind, error.message) == (
        "TimeLimit",
        "train.py ran longer than its limit of 60 s; raise the limit or train less.",
    )


@pytest.mark.parametrize(
    ("line", "kind", "remedy"),
    [
        (
            "OSError: [Errno 30] Read-only file system: '/x'",
            "TrainingFailed",
            "may write only under EDGE_MODEL_DIR",
        ),
        ("PermissionError: [Errno 13] Permission denied: '/x'", "TrainingFailed", "may write only under"),
        ("<urlopen error [Errno 101] Network is unreachable>", "TrainingFailed", "edge jobs have no network"),
        ("[Errno -3] Temporary failure in name resolution", "TrainingFailed", "edge jobs have no network"),
        ("ModuleNotFoundError: No module named 'torch'", "TrainingFailed", "add the missing package"),
        ("ValueError: bad", "TrainingFailed", "its last line was 'ValueError: bad'"),
        (
            "OSError: [Errno 28] No space left on device",
            "DiskFull",
            "(3 MiB left in the job's volume, 0 MiB left in /tmp); free disk on the site, or raise",
        ),
        ("OSError: [Errno 122] Disk quota exceeded", "DiskFull", "free disk on the site"),
    ],
)
def test_the_last_lines_suggest_a_remedy(line, kind, remedy):
    error = error_of(ended(lines=("Traceback (most recent call last):", line)))
    assert error.kind == kind
    assert error.message.startswith("train.py ended with exit code 1: ")
    assert remedy in error.message


def test_a_script_that_wrote_nothing_is_said_to():
    assert error_of(ended()).message == "train.py ended with exit code 1: it wrote nothing."


@pytest.mark.parametrize("exit_code", [-signal.SIGKILL, 1])
def test_what_the_kernel_ended_for_memory_says_limit_and_peak(exit_code):
    """Also when it ended a worker of the script, and the script itself with an error of its own."""
    error = error_of(ended(exit_code, lines=("No space left on device",), memory=TOO_LITTLE))
    assert error.kind == "OutOfMemory"
    assert "the memory limit of 512 MiB was reached (peak 512 MiB)" in error.message


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_somebody_ended_is_tried_again(number):
    error = error_of(ended(-number))
    assert error.kind == "JobInterrupted"
    assert f"ended with signal {number}" in error.message


def test_what_a_library_crashed_is_the_scripts_failure():
    error = error_of(ended(-signal.SIGSEGV, lines=("loading",)))
    assert (error.kind, error.message) == (
        "TrainingFailed",
        "train.py ended with signal 11: its last line was 'loading'.",
    )


def test_a_failure_carries_exit_code_and_last_lines():
    assert error_of(ended(3, lines=("a", "b"))).details == {"exit_code": 3, "last_lines": ["a", "b"]}
