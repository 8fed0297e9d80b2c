"""A user's script sees plain variables only; its end is told apart: well, badly, too late, interrupted."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path

import pytest

from edge_runner.output import LAST_LINES
from edge_runner.script import TAIL_BYTES, Interruption, run_script, script_exists
from edge_runner.script_end import ScriptEnd


@pytest.fixture
def run(dirs):
    """Write a script and run it; gives its end."""

    def ran(source: str, variables: dict[str, str] | None = None, **limits: float) -> ScriptEnd:
        (dirs.code / "model" / "train.py").write_text(source)
        return run_script(dirs, "train.py", variables or {}, 3, **{"time_limit_s": 60.0} | limits)

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


def test_a_script_that_ignores_its_time_limit_is_killed(run):
    end = run(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(100)",
        time_limit_s=1.0,
        grace_s=0.2,
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


class Terminated:
    """A process that counts how often it was told to stop."""

    def __init__(self) -> None:
        self.times = 0

    def terminate(self) -> None:
        self.times += 1


def test_a_sigterm_that_comes_before_the_script_is_there_reaches_it_all_the_same():
    interrupted, process = Interruption(), Terminated()
    interrupted.handle(signal.SIGTERM, None)
    interrupted.reaches(process)
    assert (interrupted.happened, process.times) == (True, 1)


STAYS = """
import os, subprocess, sys
kept = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"], {options})
print(kept.pid)
"""


def test_what_a_script_leaves_running_ends_with_it(run):
    """It would go on writing to the model that is being hashed."""
    left_running = int(run(STAYS.format(options="")).last_lines[-1])
    while runs(left_running):
        threading.Event().wait(0.02)


def test_a_process_in_a_session_of_its_own_does_not_hold_up_the_end(run):
    end = run(STAYS.format(options="start_new_session=True"))
    left_running = int(end.last_lines[-1])
    assert (end.exit_code, runs(left_running)) == (0, True)
    os.kill(left_running, signal.SIGKILL)


def test_a_loud_process_in_a_session_of_its_own_does_not_hold_up_the_end_either(run):
    end = run("import subprocess; subprocess.Popen(['yes'], start_new_session=True)")
    assert end.exit_code == 0


def runs(pid: int) -> bool:
    """Whether a process runs; one that is only waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_script_that_closes_its_output_is_still_waited_for(run, dirs):
    end = run("import os, pathlib; os.close(1); os.close(2); pathlib.Path('after').touch(); os._exit(3)")
    assert end.exit_code == 3
    assert (dirs.code / "model" / "after").exists()


def test_output_is_passed_on_byte_for_byte_however_it_is_cut(run, capfdbinary):
    source = "import sys\nfor n in range(3000): sys.stdout.buffer.write(b'%d \\xff\\r\\x00' % n)"
    end = run(source)
    assert capfdbinary.readouterr().out == b"".join(b"%d \xff\r\x00" % n for n in range(3000))
    assert end.last_lines[-1] == "\x00"


def test_of_one_endless_line_only_the_end_is_kept(run):
    end = run(f"print('x' * {TAIL_BYTES * 3}, end='')")
    assert end.last_lines == ("x" * TAIL_BYTES,)


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
