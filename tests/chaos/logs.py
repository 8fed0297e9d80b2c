"""What the training's log in Airflow must show, whatever has happened to who writes it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tests.chaos.artifacts import raw_log
from tests.chaos.scene import Scene

LAST_LINE = "the last line"
STAGES = 20
STAGE = re.compile(rf"stage (\d+) of {STAGES}")
RESUMING = re.compile(rb"resuming after stage \d+")
RESTARTED = "is started again"
REBOOTED = "the VM was restarted"
TOLD_AGAIN_S = 4
"""As many lines, one a second, may stand twice after the sudden death of a triggerer."""


def wrong_end(scene: Scene) -> Iterator[str]:
    """The last try shows the script's last line, once."""
    for run_id in scene.known_runs():
        *_, last = scene.logs(run_id)
        if (count := last.count(LAST_LINE)) != 1:
            yield f"the log has the last line {count} times"


def every_stage_once(scene: Scene) -> Iterator[str]:
    """All tries together show each stage once, in order."""
    for run_id in scene.known_runs():
        yield from wrong_stages(stages([line for one in scene.logs(run_id) for line in one]))


def every_stage(scene: Scene) -> Iterator[str]:
    """All tries together show each stage in order; those of a few seconds may stand twice."""
    for run_id in scene.known_runs():
        shown = stages([line for one in scene.logs(run_id) for line in one])
        yield from wrong_stages(shown, TOLD_AGAIN_S)


def resumed(scene: Scene) -> Iterator[str]:
    """The script has gone on from a checkpoint: a start from nothing would give the same weights."""
    raw = raw_log(scene)
    if raw is None:
        yield "the model's run has no raw log among its artifacts"
    elif not RESUMING.search(raw):
        yield "the script did not go on from a checkpoint"


def restarted_once(scene: Scene) -> Iterator[str]:
    """One container was started, and once more."""
    yield from wrong_starts(scene, 2)


def never_restarted(scene: Scene) -> Iterator[str]:
    """One container was started, and nobody has ended it."""
    yield from wrong_starts(scene, 1)
    if says(scene, RESTARTED):
        yield "the log tells of a restart"


def tells_of_the_reboot(scene: Scene) -> Iterator[str]:
    """The log says why the container was interrupted."""
    if not says(scene, REBOOTED):
        yield f"the log does not say that {REBOOTED}"


def wrong_starts(scene: Scene, expected: int) -> Iterator[str]:
    """How often the training's containers were started, where that is not as often as it should be."""
    starts = sum(scene.engine.training_starts(key) for key in scene.training_keys())
    if starts != expected:
        yield f"the training's containers were started {starts} times, not {expected}"


def says(scene: Scene, words: str) -> bool:
    """Whether a line of the first run's log has these words."""
    return any(words in line for one in scene.logs(scene.runs[0]) for line in one)


def stages(lines: Sequence[str]) -> list[int]:
    """The numbers of the stages that a log shows."""
    return [int(found[1]) for line in lines if (found := STAGE.fullmatch(line))]


def wrong_stages(shown: Sequence[int], most_repeats: int = 0) -> Iterator[str]:
    """What is wrong with the stages that a log shows.

    Args:
        shown: Their numbers, as they stand.
        most_repeats: How many may stand there twice.
    """
    if missing := set(range(1, STAGES + 1)) - set(shown):
        yield f"the log lacks the stages {', '.join(map(str, sorted(missing)))}"
    once = list(dict.fromkeys(shown))
    if once != sorted(once):
        yield f"the log shows stages out of order: {', '.join(map(str, shown))}"
    elif len(shown) - len(once) > most_repeats:
        yield f"the log shows stages twice: {', '.join(map(str, shown))}"
