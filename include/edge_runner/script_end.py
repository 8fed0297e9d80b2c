"""How a user's script ended, and the one error that this amounts to, with the remedy that its last lines or
the kernel suggest.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass

from edge_runner.memory import Memory
from edge_runner.protocol import StepError

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
)
INTERRUPTIONS = (signal.SIGKILL, signal.SIGTERM)
NO_SPACE = re.compile(r"No space left on device|Disk quota exceeded")


@dataclass(frozen=True)
class ScriptEnd:
    """How a script ended.

    Attributes:
        exit_code: Its exit code; negative for a signal.
        last_lines: What it wrote last.
        timed_out: Whether it was ended at its time limit.
        interrupted: Whether the container was told to stop meanwhile.
        memory: What the kernel said of the container's memory then.
        free_bytes: Room that was left, by the name of the place.
    """

    exit_code: int
    last_lines: tuple[str, ...]
    timed_out: bool
    interrupted: bool
    memory: Memory
    free_bytes: Mapping[str, int]


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
        details = {"exit_code": end.exit_code, "last_lines": list(end.last_lines)}
        kind, reason = named_failure(end, failed_kind)
        raise StepError(kind, f"{script} ended with {how(end)}: {reason}.", details)


def how(end: ScriptEnd) -> str:
    """A script's exit code, or the signal that ended it."""
    return f"signal {-end.exit_code}" if end.exit_code < 0 else f"exit code {end.exit_code}"


def named_failure(end: ScriptEnd, failed_kind: str) -> tuple[str, str]:
    """Kind and reason of a script's bad end, by what the kernel and its last lines say."""
    if end.memory.kills:
        return "OutOfMemory", end.memory.sentence
    if -end.exit_code in INTERRUPTIONS:
        return "JobInterrupted", "somebody on the site ended it; it goes on from its last checkpoint"
    text = "\n".join(end.last_lines)
    if NO_SPACE.search(text):
        free = ", ".join(f"{size // 2**20} MiB left in {place}" for place, size in end.free_bytes.items())
        return "DiskFull", f"no space left on device ({free}); free disk on the site, or raise scratch_bytes"
    said = f"its last line was {end.last_lines[-1]!r}" if end.last_lines else "it wrote nothing"
    return failed_kind, next((remedy for pattern, remedy in HINTS if pattern.search(text)), said)


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
