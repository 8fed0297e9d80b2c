"""A step's output, metrics and end outlive the step, however it ends; each test runs a real process."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from edge_runner import frames, protocol
from edge_runner.frames import Line, Point
from edge_runner.protocol import Dirs
from edge_training.jobs import RUNNER_FOLDER

TINY_DISK = "size=256k"
SUPERVISE = """
import json, os, pathlib, signal, subprocess, sys, time
from functools import partial
from edge_runner import memory, protocol
from edge_runner.__main__ import main, show
from edge_runner.output import Rate
from edge_runner.protocol import Dirs
from edge_runner.supervisor import supervise
base = pathlib.Path(sys.argv[1])
dirs = Dirs(**{name: base / name for name in ("job", "data", "cache", "inputs", "code")})
cgroup = base / "cgroup"
def step():
    exec(sys.argv[2], globals())
    return 0
sys.exit(supervise(step, dirs, show, Rate(), partial(memory.read, cgroup)))
"""


class Ended:
    """What a supervised step left.

    Attributes:
        exit_code: Of the supervisor.
        log: What stood in Docker's log, line by line.
        raw: The raw log.
        result: What the worker finds, if anything.
        ending: What the runner saw of the end, if it could say.
    """

    def __init__(self, dirs: Dirs, exit_code: int, shown: bytes) -> None:
        self.exit_code = exit_code
        self.log = shown.decode().split("\n")[:-1]
        self.raw = read(dirs.job / protocol.LOG_NAME) or b""
        self.result = decoded(read(dirs.job / protocol.RESULT_NAME))
        self.ending = decoded(read(dirs.job / protocol.ENDING_NAME))

    @property
    def lines(self) -> list[str]:
        """The text of its lines; remarks that are no frames as they stand."""
        found = [frames.decode(line) or line for line in self.log]
        return [getattr(line, "text", line) for line in found if not isinstance(line, Point)]

    @property
    def points(self) -> list[tuple[int, str, float]]:
        """Step, name and value of its metrics."""
        found = map(frames.decode, self.log)
        return [(point.step, point.name, point.value) for point in found if isinstance(point, Point)]


def read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def decoded(raw: bytes | None) -> dict | None:
    return None if raw is None else json.loads(raw)


@pytest.fixture
def started(dirs) -> Iterator[Callable[[str], subprocess.Popen]]:
    """Start supervisors whose steps run a source text; what they leave behind ends with the test."""
    (dirs.job.parent / "cgroup").mkdir()
    sessions: list[int] = []

    def start(source: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISE, str(dirs.job.parent), source],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(RUNNER_FOLDER.parent)},
            start_new_session=True,
        )
        sessions.append(process.pid)
        return process

    yield start
    for session in sessions:
        with suppress(ProcessLookupError):
            os.killpg(session, signal.SIGKILL)


@pytest.fixture
def run(dirs, started) -> Callable[[str], Ended]:
    """Run a step to its end."""

    def ran(source: str) -> Ended:
        process = started(source)
        shown, _ = process.communicate(timeout=60)
        return Ended(dirs, process.returncode, shown)

    return ran


@pytest.fixture
def tiny_disk(dirs) -> Iterator[None]:
    """Lets the job's directory lie on a disk of 256 kB."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount the small disk")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", TINY_DISK, "tmpfs", dirs.job], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"this machine mounts no file system: {mounted.stderr.decode().strip()}")
    yield
    subprocess.run(["umount", "--lazy", dirs.job], check=True)


@pytest.mark.parametrize("exit_code", [0, 1, 74])
def test_the_steps_exit_code_is_the_containers(run, exit_code):
    ended = run(f"os.write(1, b'said'); os._exit({exit_code})")
    assert (ended.exit_code, ended.lines, ended.result) == (exit_code, ["said"], None)


def test_output_of_both_streams_is_shown_and_kept_in_order(run):
    ended = run("for n in range(3): os.write(1, b'out %d\\n' % n); os.write(2, b'err %d\\n' % n)")
    assert ended.raw == b"out 0\nerr 0\nout 1\nerr 1\nout 2\nerr 2\n"
    assert ended.lines == ended.raw.decode().splitlines()


def test_a_loud_step_loses_no_byte_and_its_end_is_shown(run):
    ended = run("for n in range(100_000): print(f'{n:099d}')")
    assert ended.raw == b"".join(b"%099d\n" % number for number in range(100_000))
    assert [int(line) for line in ended.lines[-50:]] == list(range(99_950, 100_000))
    shown = [frames.decode(line) for line in ended.log]
    assert all(isinstance(frame, Line) for frame in shown)
    assert [frame.start for frame in shown[1:]] == [frame.end for frame in shown[:-1]]
    assert shown[-1].end == len(ended.raw)


def test_the_end_is_written_down_with_the_digest_of_the_raw_log(run, dirs):
    (dirs.job.parent / "cgroup").mkdir(exist_ok=True)
    (dirs.job.parent / "cgroup" / "memory.peak").write_text("1048576\n")
    ended = run("print('first start')")
    ended = run("print('second start')")
    assert ended.raw == b"first start\nsecond start\n"
    assert ended.ending == {
        "log": {"sha256": hashlib.sha256(ended.raw).hexdigest(), "size_bytes": len(ended.raw)},
        "memory_peak_bytes": 2**20,
    }


def test_an_exception_that_nobody_caught_is_shown_and_ends_the_step_badly(run):
    ended = run("raise SystemExit(0)")
    assert ended.exit_code == protocol.EXIT_REFUSED
    assert "SystemExit: 0" in ended.lines
    assert ended.result is None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_step_that_somebody_ended_leaves_no_verdict(run, number):
    """Nobody knows a fault of it: it may go on from its checkpoint."""
    ended = run(f"print('half a line', end='', flush=True); os.kill(os.getpid(), {number})")
    assert (ended.exit_code, ended.result) == (128 + number, None)
    assert ended.lines == ["half a line"]
    assert ended.ending is not None


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, 40])
def test_a_step_that_a_library_crashed_says_so(run, number):
    ended = run(f"print('half a line', end='', flush=True); signal.raise_signal({number})")
    assert ended.exit_code == protocol.EXIT_REFUSED
    assert ended.result["error"]["kind"] == "StepCrashed"
    assert f"ended by signal {number} (" in ended.result["error"]["message"]
    assert ended.lines == ["half a line", f"StepCrashed: {ended.result['error']['message']}"]


def test_a_step_that_the_kernel_ended_for_memory_says_limit_and_peak(run):
    ended = run(
        "(cgroup / 'memory.max').write_text('314572800')\n"
        "(cgroup / 'memory.peak').write_text('314560512')\n"
        "(cgroup / 'memory.events').write_text('oom_kill 1')\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert ended.exit_code == protocol.EXIT_REFUSED
    assert ended.result["error"]["kind"] == "OutOfMemory"
    assert "memory limit of 300 MiB was reached (peak 300 MiB)" in ended.result["error"]["message"]
    assert ended.lines[-1].startswith("OutOfMemory: ")


def test_memory_that_ran_out_before_the_step_began_is_none_of_its_business(run, dirs):
    (dirs.job.parent / "cgroup" / "memory.events").write_text("oom_kill 1")
    ended = run("os.kill(os.getpid(), signal.SIGKILL)")
    assert (ended.exit_code, ended.result) == (128 + signal.SIGKILL, None)


def test_the_kernel_ends_the_step_before_the_one_that_has_to_tell_of_it(run):
    ended = run(
        "print(pathlib.Path('/proc/self/oom_score_adj').read_text())\n"
        "print(pathlib.Path(f'/proc/{os.getppid()}/oom_score_adj').read_text())"
    )
    step, supervisor = (int(line) for line in ended.lines if line)
    assert step > supervisor


def test_a_process_that_the_step_left_behind_does_not_hold_up_its_end(run):
    ended = run("print(subprocess.Popen(['sleep', '1000']).pid)")
    assert ended.exit_code == 0
    os.kill(int(ended.lines[0]), 0)


def test_a_step_that_closes_its_output_is_still_waited_for(run):
    ended = run("os.close(1); os.close(2); time.sleep(0.5); (dirs.job / 'after').touch(); os._exit(7)")
    assert ended.exit_code == 7


def interrupted(process: subprocess.Popen) -> bytes:
    """Send a SIGTERM once the step has said something; gives all it said."""
    first = process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=60)
    return first + rest


def test_a_sigterm_reaches_the_step(started, dirs):
    process = started(
        "signal.signal(signal.SIGTERM, lambda *_: (print('saved', flush=True), os._exit(1)))\n"
        "print('ready', flush=True); time.sleep(1000)"
    )
    ended = Ended(dirs, shown=interrupted(process), exit_code=process.returncode)
    assert (ended.exit_code, ended.lines) == (1, ["ready", "saved"])
    assert ended.ending is not None


def test_a_sigterm_that_nobody_heeds_counts_as_an_interruption(started, dirs):
    process = started("print('ready', flush=True); time.sleep(1000)")
    ended = Ended(dirs, shown=interrupted(process), exit_code=process.returncode)
    assert (ended.exit_code, ended.result) == (128 + signal.SIGTERM, None)


def test_a_sigterm_that_comes_when_the_step_has_ended_does_not_unmake_its_success(started, dirs):
    process = started("subprocess.Popen(['sleep', '1000']); print('done', flush=True); os._exit(0)")
    first = process.stdout.readline()
    for _ in range(20):
        process.send_signal(signal.SIGTERM)
        if process.poll() is not None:
            break
        signal.sigtimedwait([], 0.05)
    rest, _ = process.communicate(timeout=60)
    assert Ended(dirs, process.returncode, first + rest).lines == ["done"]
    assert process.returncode == 0


def test_metrics_appear_while_the_step_runs(started, dirs):
    process = started(
        '(dirs.job / \'metrics.jsonl\').write_text(\'{"step": 1, "name": "mae", "value": 4}\\n\')\n'
        "time.sleep(1000)"
    )
    point = frames.decode(process.stdout.readline().decode().rstrip("\n"))
    process.kill()
    process.communicate(timeout=60)
    assert (point.step, point.name, point.value) == (1, "mae", 4.0)
    assert point.time_ms > 0


POINTS = """
with (dirs.job / "metrics.jsonl").open("a") as file:
    for step, name in {points}:
        file.write(json.dumps({{"step": step, "name": name, "value": 1.0}}) + "\\n")
"""


def test_names_of_metrics_that_may_not_leave_are_not_shown(run):
    names = ["mae", "a row: 7;8", "x" * 101, "zeile\n", "", "val/loss", "größe"]
    ended = run(POINTS.format(points=list(enumerate(names))))
    assert ended.points == [(0, "mae", 1.0), (5, "val/loss", 1.0)]


def test_of_a_flood_of_metrics_the_last_ones_are_shown(run):
    ended = run(POINTS.format(points="[(step, 'mae') for step in range(5000)]"))
    assert [step for step, _, _ in ended.points] == list(range(4800, 5000))


def test_metrics_of_an_earlier_start_are_not_shown_again(run):
    run(POINTS.format(points=[(1, "mae")]))
    assert run(POINTS.format(points=[(2, "mae")])).points == [(2, "mae", 1.0)]


def test_a_step_that_puts_a_pipe_in_the_place_of_its_metrics_ends_all_the_same(run):
    ended = run("os.mkfifo(dirs.job / 'metrics.jsonl'); time.sleep(1.5)")
    assert (ended.exit_code, ended.points) == (0, [])


def test_whole_checkpoints_but_the_last_two_go_while_the_step_runs(run):
    ended = run(
        "for n in range(5): (dirs.job / 'checkpoints' / f'step-{n}').mkdir(parents=True)\n"
        "while (dirs.job / 'checkpoints' / 'step-2').exists(): time.sleep(0.05)\n"
        "print(sorted(os.listdir(dirs.job / 'checkpoints')))"
    )
    assert ended.lines == ["['step-3', 'step-4']"]


@pytest.mark.parametrize(
    "mischief",
    [
        "os.unlink(dirs.job / 'output.log')",
        "open(dirs.job / 'output.log', 'w')",
        "(dirs.job / 'checkpoints').write_text('x'); time.sleep(1.5)",
        "(dirs.job / 'metrics.jsonl').mkdir(); time.sleep(1.5)",
        "(dirs.job / 'ending.json').mkdir()",
        "os.killpg(0, signal.SIGCONT)",
    ],
)
def test_what_a_step_does_to_our_files_changes_neither_its_end_nor_its_lines(run, mischief):
    ended = run(f"print('before', flush=True)\n{mischief}\nprint('after')")
    assert (ended.exit_code, ended.lines) == (0, ["before", "after"])


def answering(source: str) -> str:
    """A step that runs the runner's own `main` on a training script."""
    script = f"import os, pathlib; job = pathlib.Path(os.environ['EDGE_METRICS_FILE']).parent\n{source}"
    training = {"script": "t.py", "partition": "p", "seed": 1, "params": {}, "threads": 1, "time_limit_s": 60}
    message = {"protocol": protocol.PROTOCOL, "step": "train", "request": training}
    return (
        f"(dirs.code / 'model' / 't.py').write_text({script!r})\n"
        f"(dirs.code / 'request.json').write_text({json.dumps(message)!r})\n"
        "(dirs.code / 'secrets.json').write_text('{}')\n"
        "os._exit(main(dirs))"
    )


FILL = """
os.mkdir(os.environ["EDGE_MODEL_DIR"])
open(os.environ["EDGE_MODEL_DIR"] + "/MLmodel", "w")
print("training", flush=True)
try:
    with open(job / "ballast", "wb", buffering=0) as ballast:
        for _ in range(100): ballast.write(bytes(2**12))
except OSError as error:
    print("full:", error.strerror, flush=True)
for n in range(200): print(f"line {n:099}", flush=True)
"""


def test_a_result_that_finds_no_room_ends_with_74_and_the_sentence(run, tiny_disk):
    ended = run(answering(FILL))
    assert (ended.exit_code, ended.result, ended.ending) == (protocol.EXIT_DISK_FULL, None, None)
    assert "full: No space left on device" in ended.lines
    assert [line for line in ended.lines if line.startswith("line ")] == [f"line {n:099}" for n in range(200)]
    assert ended.lines[-1].startswith(
        "The disk under the job's volume takes no more data (No space left on device): let maintain_site free"
    )


def test_a_raw_log_with_a_gap_is_said_and_does_not_unmake_a_success(run, tiny_disk):
    seen = "while (job / 'output.log').stat().st_size < 20_000: pass\n"
    ended = run(answering(FILL + seen + "os.unlink(job / 'ballast'); print('the last line')"))
    assert (ended.exit_code, ended.result["outcome"]) == (0, "succeeded")
    assert "[from here on the raw log on the site has gaps: No space left on device]" in ended.lines
    assert ended.lines[-1] == "the last line"
    assert ended.raw.endswith(b"the last line\n")
    assert len(ended.raw) == ended.ending["log"]["size_bytes"]


def test_a_crash_on_a_full_disk_ends_with_74_too(run, tiny_disk):
    ended = run(f"job = dirs.job\nos.environ['EDGE_MODEL_DIR'] = str(job / 'm')\n{FILL}\nos.abort()")
    assert (ended.exit_code, ended.result) == (protocol.EXIT_DISK_FULL, None)
    assert ended.lines[-1].startswith("The disk under the job's volume takes no more data")


def test_a_disk_that_takes_nothing_at_all_ends_before_the_step_begins(run, dirs, tiny_disk):
    subprocess.run(["mount", "-o", "remount,ro", dirs.job], check=True)
    ended = run("print('never')")
    assert ended.exit_code == protocol.EXIT_DISK_FULL
    assert [line.partition(":")[0] for line in ended.lines] == [
        "The disk under the job's volume takes no more data (Read-only file system)"
    ]
