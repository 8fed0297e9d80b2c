"""A user's script sees plain variables only; its end is told apart: well, badly, too late, interrupted."""

from __future__ import annotations

import json
import os
import signal
import threading

import pytest

from edge_runner import script
from edge_runner.protocol import StepError
from edge_runner.script import LAST_LINES, ScriptEnd, hint, refuse_interrupted, run_script, script_exists


@pytest.fixture
def run(dirs):
    """Write a script and run it; gives its end."""

    def ran(source: str, variables: dict[str, str] | None = None, time_limit_s: float = 60.0) -> ScriptEnd:
        (dirs.code / "model" / "train.py").write_text(source)
        return run_script(dirs, "train.py", variables or {}, threads=3, time_limit_s=time_limit_s)

    return ran


def test_a_script_sees_its_variables_and_pinned_threads_and_nothing_else(run, monkeypatch, capsys):
    monkeypatch.setenv("AWS_SECRET", "top-secret")
    end = run("import json, os; print(json.dumps(dict(os.environ)))", {"EDGE_SEED": "7"})
    seen = json.loads(end.last_lines[-1])
    assert (seen["EDGE_SEED"], seen["OMP_NUM_THREADS"], seen["PYTHONHASHSEED"]) == ("7", "3", "0")
    assert "AWS_SECRET" not in seen
    assert "EDGE_SEED" in capsys.readouterr().out


def test_a_script_stands_in_its_own_folder_and_imports_from_it(run, dirs):
    (dirs.code / "model" / "features.py").write_text("COLUMNS = 3")
    end = run("import features, os; print(features.COLUMNS, os.path.basename(os.getcwd()))")
    assert (end.exit_code, end.last_lines) == (0, ("3 model",))


def test_the_last_lines_of_both_streams_are_kept(run):
    end = run(
        f"import sys\nfor n in range({LAST_LINES + 5}): print(n)\nprint('bad', file=sys.stderr); sys.exit(3)"
    )
    assert end.exit_code == 3
    assert len(end.last_lines) == LAST_LINES
    assert end.last_lines[-2:] == (str(LAST_LINES + 4), "bad")
    assert (end.timed_out, end.interrupted) == (False, False)


def test_bytes_that_are_no_text_do_not_end_the_log(run):
    end = run("import sys; sys.stdout.buffer.write(b'\\xff\\n'); print('after')")
    assert end.last_lines == ("\\xff", "after")


def test_a_script_waits_for_no_terminal(run):
    assert run("import sys; print(repr(sys.stdin.read()))").last_lines == ("''",)


def test_a_script_at_its_time_limit_is_told_to_stop(run, dirs):
    source = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path("checkpoint").touch(), sys.exit(0)))
time.sleep(100)
"""
    end = run(source, time_limit_s=1.0)
    assert (end.timed_out, end.interrupted) == (True, False)
    assert (dirs.code / "model" / "checkpoint").exists()


def test_a_script_that_ignores_its_time_limit_is_killed(run, monkeypatch):
    monkeypatch.setattr(script, "GRACE_S", 0.2)
    end = run(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(100)",
        time_limit_s=1.0,
    )
    assert (end.timed_out, end.exit_code) == (True, -signal.SIGKILL)


STOPS_WELL = """
import os, pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path("checkpoint").touch(), sys.exit(0)))
pathlib.Path("ready").touch()
time.sleep(100)
"""


def test_a_sigterm_reaches_the_script_and_counts_as_an_interruption(run, dirs):
    before = signal.getsignal(signal.SIGTERM)
    interrupt_when_ready(dirs)
    end = run(STOPS_WELL)
    assert (end.exit_code, end.interrupted, end.timed_out) == (0, True, False)
    assert (dirs.code / "model" / "checkpoint").exists()
    assert signal.getsignal(signal.SIGTERM) is before


def interrupt_when_ready(dirs) -> None:
    """Send this process a SIGTERM once the script runs, as Docker does on `stop`."""

    def wait() -> None:
        while not (dirs.code / "model" / "ready").exists():
            threading.Event().wait(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


@pytest.mark.parametrize("exit_code", [0, 1, -signal.SIGTERM])
def test_an_interrupted_try_is_retried_however_the_script_ended(exit_code):
    with pytest.raises(StepError, match="resumes from its last checkpoint") as caught:
        refuse_interrupted(ScriptEnd(exit_code, (), timed_out=False, interrupted=True), "train.py")
    assert caught.value.kind == "JobInterrupted"
    refuse_interrupted(ScriptEnd(exit_code, (), timed_out=False, interrupted=False), "train.py")


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("OSError: [Errno 30] Read-only file system: '/etc/x'", "may write only under EDGE_MODEL_DIR"),
        ("PermissionError: [Errno 13] Permission denied: '/edge/job/x'", "may write only under"),
        ("<urlopen error [Errno 101] Network is unreachable>", "edge jobs have no network"),
        ("[Errno -3] Temporary failure in name resolution", "edge jobs have no network"),
        ("ModuleNotFoundError: No module named 'torch'", "add the missing package"),
        ("OSError: [Errno 28] No space left on device", "free disk on the site"),
        ("ValueError: bad", "its last line was 'ValueError: bad'"),
    ],
)
def test_the_last_lines_suggest_a_remedy(line, remedy):
    assert remedy in hint(("Traceback (most recent call last):", line))


def test_a_script_that_wrote_nothing_is_said_to(run):
    assert hint(run("").last_lines) == "it wrote nothing"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("train.py", True),
        ("lib/train.py", True),
        ("lib", False),
        ("none.py", False),
        ("../secrets.json", False),
        ("/etc/passwd", False),
    ],
)
def test_only_files_of_the_models_code_are_scripts(dirs, name, found):
    (dirs.code / "model" / "lib").mkdir()
    for path in ("train.py", "lib/train.py", "../secrets.json"):
        (dirs.code / "model" / path).touch()
    assert script_exists(dirs, name) is found
