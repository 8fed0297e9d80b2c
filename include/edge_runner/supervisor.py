"""Runs a step in a process of its own and outlives it: its output, its metrics and its end are never lost.

When the kernel ends the step at its memory limit, or a library crashes it, somebody must still be there to
say so.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import NoReturn

from edge_runner import memory, protocol
from edge_runner.checkpoints import keep_newest
from edge_runner.frames import Point
from edge_runner.listing import CHECKPOINTS_NAME, METRICS_PATH
from edge_runner.memory import Memory
from edge_runner.metrics import METRIC_NAME, NewPoints
from edge_runner.output import Output, Rate
from edge_runner.pipes import left_in, read_within
from edge_runner.protocol import Dirs, StepError
from edge_runner.script_end import INTERRUPTIONS

POLL_S = 0.25
LOOK_EVERY_S = 1.0
MOST_POINTS_AT_ONCE = 200
SIGNALLED = 128
"""What shells and Docker add to the number of the signal that ended a process."""


def supervise(
    step: Callable[[], int],
    dirs: Dirs,
    show: Callable[[str], object],
    rate: Rate,
    read_memory: Callable[[], Memory] = memory.read,
) -> int:
    """Run a step to its end; to be called once in the life of a process, as its last act.

    Args:
        step: What the child process does; returns its exit code.
        dirs: Where the job's files are.
        show: Takes the encoded frames of what the step says.
        rate: How much of that is shown.
        read_memory: What the kernel says of this container's memory.

    Returns:
        The container's exit code.
    """
    at_start = read_memory()
    try:
        (dirs.job / protocol.ENDING_NAME).unlink(missing_ok=True)  # an earlier start's
        raw = (dirs.job / protocol.LOG_NAME).open("ab+", buffering=0)
    except OSError as error:
        show(protocol.disk_full_sentence(error))
        return protocol.EXIT_DISK_FULL
    with raw:
        said, points = Output(raw, show, rate), NewPoints(dirs.job / METRICS_PATH)
        child, pipe = start(step)
        status = Reading(child, pipe, said, points, dirs.job / CHECKPOINTS_NAME, show).to_the_end()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it would come too late: the result stands
        exit_code = verdict(os.waitstatus_to_exitcode(status), read_memory().since(at_start), dirs, said)
        said.close()
        with suppress(OSError):  # whoever misses it does without; the full disk has been told
            write_ending(raw, read_memory(), dirs)
    return exit_code


def start(step: Callable[[], int]) -> tuple[int, int]:
    """Fork the step, whom every SIGTERM reaches from now on; gives its pid and the end of the pipe that its
    output comes out of.
    """
    reader, writer = os.pipe()
    sys.stdout.flush()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # none may fall in between
    child = os.fork()
    if child == 0:
        os.close(reader)
        become(step, writer)

    def hand_on(*_: object) -> None:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGTERM)

    signal.signal(signal.SIGTERM, hand_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    os.close(writer)
    return child, reader


def become(step: Callable[[], int], output: int) -> NoReturn:
    """Run the step in this process, and end it."""
    exit_code = protocol.EXIT_REFUSED
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        memory.end_me_first()
        exit_code = step()
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001  (the child must never go on as its parent)
        traceback.print_exc()
    finally:
        os._exit(exit_code)


@dataclass
class Reading:
    """Reads a step's output and metrics until it has ended.

    Attributes:
        child: Its pid.
        pipe: Its output.
        said: Takes the output.
        points: Its metrics.
        checkpoints: Where it leaves checkpoints.
        show: Takes the frames of the metrics.
    """

    child: int
    pipe: int
    said: Output
    points: NewPoints
    checkpoints: Path
    show: Callable[[str], object]

    def to_the_end(self) -> int:
        """Returns the step's wait status."""
        looked_at = time.monotonic()
        pid = status = 0
        while not pid and self.read_some():
            if time.monotonic() - looked_at >= LOOK_EVERY_S:
                self.pass_on_points()
                keep_newest(self.checkpoints)
                looked_at = time.monotonic()
            pid, status = os.waitpid(self.child, os.WNOHANG)
        if not pid:  # the pipe was closed: the step is about to end
            _, status = os.waitpid(self.child, 0)
        for chunk in left_in(self.pipe):
            self.said.add(chunk)
        self.pass_on_points()
        os.close(self.pipe)
        return status

    def read_some(self) -> bool:
        """Pass on what there is, or wait a little; False when the pipe is closed at its other end."""
        chunk = read_within(self.pipe, POLL_S)
        if chunk is None:
            self.said.rest()
            return True
        self.said.add(chunk)
        return bool(chunk)

    def pass_on_points(self) -> None:
        """Show new points; of a flood only the last ones, as all of them are in the file."""
        now_ms = time.time_ns() // 10**6
        for step, name, value in self.points.take()[-MOST_POINTS_AT_ONCE:]:
            if METRIC_NAME.fullmatch(name):
                self.show(Point(step, name, value, now_ms).encoded())


def verdict(exit_code: int, used: Memory, dirs: Dirs, said: Output) -> int:
    """The container's exit code; leaves the result that a step could not leave which a signal ended."""
    if exit_code >= 0:
        return exit_code
    number = -exit_code
    if number == signal.SIGKILL and used.kills:
        error = StepError("OutOfMemory", f"The step was ended by the kernel: {used.sentence}.")
    elif number in INTERRUPTIONS:
        return SIGNALLED + number
    else:
        name = signal.strsignal(number) or "nameless"
        error = StepError(
            "StepCrashed",
            f"The step was ended by signal {number} ({name}), a crash inside a library; report it with the "
            "task's log.",
        )
    said.say(f"{error.kind}: {error.message}")
    try:
        result = protocol.canonical_json(protocol.refused("", error))
        protocol.write_atomically(dirs.job / protocol.RESULT_NAME, result)
    except OSError as unwritable:
        said.say(protocol.disk_full_sentence(unwritable))
        return protocol.EXIT_DISK_FULL
    return protocol.EXIT_REFUSED


def write_ending(raw: FileIO, used: Memory, dirs: Dirs) -> None:
    """Write down what was seen of the end."""
    raw.seek(0)
    log = {"sha256": hashlib.file_digest(raw, "sha256").hexdigest(), "size_bytes": raw.tell()}
    ending = {"log": log, "memory_peak_bytes": used.peak_bytes}
    protocol.write_atomically(dirs.job / protocol.ENDING_NAME, protocol.canonical_json(ending))
