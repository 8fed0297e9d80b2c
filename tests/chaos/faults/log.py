"""A script that prints more than any reader takes, over a line that breaks."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence

from tests.chaos.artifacts import raw_log
from tests.chaos.fault import Fault
from tests.chaos.scene import Scene

LOG_MB = 100
LINES = LOG_MB * 1000
CUTS = 3
CUT_EVERY_S = 5
NUMBERED = re.compile(rb"numbered line (\d{8}) ")
SKIPPED = re.compile(r"\[(\d+) lines, \d+ bytes are not shown: ")


def three_cuts(scene: Scene) -> None:
    """Cut the line three times while the script prints."""
    scene.until_training()
    for _ in range(CUTS):
        time.sleep(CUT_EVERY_S)
        scene.link("ssh").cut()


def whole(scene: Scene) -> Iterator[str]:
    """Both logs: that in the UI may skip lines, and says how many; the raw one may not."""
    raw = raw_log(scene)
    if raw is None:
        yield "the model's run has no raw log among its artifacts"
        return
    if [int(number) for number in NUMBERED.findall(raw)] != list(range(LINES)):
        yield "the raw log does not hold every line once and in order"
    yield from wrong_shown(scene.logs(scene.runs[0])[-1], raw.decode().splitlines())


def wrong_shown(told: Sequence[str], written: Sequence[str]) -> Iterator[str]:
    """What is wrong with a task's log: its lines and those it says are missing must be all that was written.

    Args:
        told: The messages in the task's log.
        written: The lines of the raw log.
    """
    lines = set(written)
    shown = [line for line in told if line in lines]
    numbers = [int(found[1]) for line in shown if (found := NUMBERED.match(line.encode()))]
    if numbers != sorted(set(numbers)):
        yield "the task's log shows lines twice or out of order"
    skipped = sum(int(notice[1]) for line in told if (notice := SKIPPED.match(line)))
    if len(shown) + skipped != len(written):
        yield f"the task's log shows {len(shown)} lines and says that it skips {skipped} of {len(written)}"


FAULTS = (
    Fault(
        "log-100mb",
        "train_model",
        f"{LOG_MB} MB of log over {CUTS} cut connections",
        three_cuts,
        links=frozenset({"ssh"}),
        params={"log_mb": LOG_MB},
        checks=(whole,),
    ),
)
