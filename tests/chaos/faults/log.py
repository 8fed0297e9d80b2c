"""A script that prints more than any reader takes, over a line that breaks."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from tests.chaos.artifacts import raw_log
from tests.chaos.fault import Fault
from tests.chaos.scene import Scene

LOG_MB = 100
LINES = LOG_MB * 1000
CUTS = 3
CUT_EVERY_S = 5
LAST_LINE = "the last line"
NUMBERED = re.compile(rb"numbered line (\d{8}) ")


def three_cuts(scene: Scene) -> None:
    """Cut the line three times while the script prints."""
    scene.until_training()
    for _ in range(CUTS):
        time.sleep(CUT_EVERY_S)
        scene.link("ssh").cut()


def whole(scene: Scene) -> list[str]:
    """What is wrong with the two logs: that in the UI may skip, the raw one may not."""
    return [*wrong_shown(scene), *wrong_raw(scene)]


def wrong_shown(scene: Scene) -> Iterator[str]:
    """The task's log: each line at most once, in order, and the last one always."""
    shown = scene.api.messages(scene.dag_id, scene.runs[0], scene.task())
    numbers = [int(found[1]) for line in shown if (found := NUMBERED.search(line.encode()))]
    if numbers != sorted(set(numbers)):
        yield "the task's log shows lines twice or out of order"
    if not any(LAST_LINE in line for line in shown):
        yield "the task's log lacks the last line"
    if len(numbers) < LINES and not any("not shown" in line for line in shown):
        yield f"the task's log shows {len(numbers)} of {LINES} lines and does not say so"


def wrong_raw(scene: Scene) -> Iterator[str]:
    """The raw log, an artifact of the model's run: every line once, in order."""
    raw = raw_log(scene)
    if raw is None:
        yield "the model's run has no raw log among its artifacts"
    elif [int(number) for number in NUMBERED.findall(raw)] != list(range(LINES)):
        yield "the raw log does not hold every line once and in order"


FAULTS = (
    Fault(
        "log-100mb",
        "train_model",
        f"{LOG_MB} MB of log over {CUTS} cut connections",
        three_cuts,
        links=frozenset({"ssh"}),
        params={"log_mb": LOG_MB},
        check=whole,
    ),
)
