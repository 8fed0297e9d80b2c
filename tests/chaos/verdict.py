"""What a fault has come to: one completed training, one version, one image, equal weights, and no more tries
than the fault explains; or one sentence and nothing left.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from tests.chaos.api import POLL_S
from tests.chaos.artifacts import versions, weights_sha256
from tests.chaos.logs import wrong_end
from tests.chaos.scene import Scene

STOP_LIMIT_S = 150
"""Housekeeping stops within two minutes what nobody owns."""
DELETED = "(deleted)"
NOTHING = "(nothing)"


@dataclass(frozen=True)
class Verdict:
    """One row of the table.

    Attributes:
        fault: Its name.
        step: The task that was hit.
        point: When.
        outcome: `completed`, `failed as it should: <sentence>`, or `WRONG: <what>`.
        containers: How many containers of that training ever ended with 0.
        model_versions: How many versions carry its training key; None where nothing registers models.
        weights_sha256_equal: Whether the weights are those of the undisturbed run; None without weights.
        seconds: From the first trigger to this verdict.
        tries: How many tries the task took that was hit; None when its run is gone.
    """

    fault: str
    step: str
    point: str
    outcome: str
    containers: int
    model_versions: int | None
    weights_sha256_equal: bool | None
    seconds: float
    tries: int | None

    @property
    def good(self) -> bool:
        """Whether the fault ended as it should."""
        return not self.outcome.startswith("WRONG")

    def row(self) -> dict[str, Any]:
        """As `build/chaos.json` has it."""
        return {**asdict(self), "good": self.good}


def judge(scene: Scene, reference: str, seconds: float, missed: str = "") -> Verdict:
    """Hold a scene whose runs are over against what should have come of it.

    Args:
        scene: The scene.
        reference: SHA-256 of the undisturbed run's weights; empty when this is that run.
        seconds: How long it took.
        missed: Why the fault could not be injected, if so.
    """
    left = left_running(scene)  # first: what still runs may yet end well, though it should have been stopped
    keys, fault, tries = scene.training_keys(), scene.fault, scene.tries()
    found = [version for key in sorted(keys) for version in versions(scene.site.info, fault.model, key)]
    well = sum(scene.engine.trainings_that_ended_well(key) for key in keys)
    weights = {weights_sha256(scene.site.info, version) for version in found}
    equal = weights == {reference} if weights and reference else None
    wrong = [*([missed] if missed else []), *scene.wrong]
    if fault.completes:
        wrong += incomplete(scene, keys, well, found, equal, reference)
        outcome = "completed"
    else:
        sentence = failure_sentence(scene)
        wrong += wrong_failure(fault.fails_with, sentence, well, len(found))
        outcome = f"failed as it should: {sentence}"
    wrong += [*wrong_tries(fault.tries, tries), *retried_beside(scene), *wrong_trainings(scene, keys)]
    wrong += [f"{name} still runs" for name in left]
    wrong += [words for check in fault.checks for words in check(scene)]
    return Verdict(
        fault.name,
        fault.step,
        fault.point,
        f"WRONG: {'; '.join(wrong)}" if wrong else outcome,
        well,
        len(found),
        equal,
        round(seconds, 1),
        tries,
    )


def unjudged(scene: Scene, seconds: float) -> Verdict:
    """The row of a scene that could not be played to its end."""
    fault = scene.fault
    outcome = f"WRONG: {'; '.join(scene.wrong)}"
    return Verdict(fault.name, fault.step, fault.point, outcome, 0, 0, None, round(seconds, 1), None)


def incomplete(
    scene: Scene, keys: set[str], well: int, found: list[dict[str, Any]], equal: bool | None, reference: str
) -> Iterator[str]:
    """What is wrong with a scene that should have completed."""
    states = {run_id: scene.api.run(scene.dag_id, run_id)["state"] for run_id in scene.runs}
    if set(states.values()) != {"success"}:
        yield f"the runs are {', '.join(states.values())} ({failure_sentence(scene) or 'without a sentence'})"
    else:
        yield from wrong_images(scene)
        yield from wrong_end(scene)
    if len(keys) != 1:
        yield f"{len(keys)} training keys"
    if well != 1:
        yield f"the training ended with 0 {well} times"
    if len(found) != 1:
        yield f"{len(found)} model versions"
    if reference and equal is not True:
        yield "the weights differ from those of an undisturbed run"


def wrong_images(scene: Scene) -> Iterator[str]:
    """What is wrong with the images of runs that have ended well: one, and the same for all."""
    handed_on = {scene.api.handed_on(scene.dag_id, run_id, "push_image")["image"] for run_id in scene.runs}
    made = scene.images() - scene.images_before
    if made != {image.rpartition("@")[2] for image in handed_on} or len(made) != 1:
        yield f"the registry has the images {sorted(made)}, the runs handed on {sorted(handed_on)}"


def wrong_failure(pattern: str, sentence: str, well: int, versions_found: int) -> Iterator[str]:
    """What is wrong with a scene that should have failed.

    Args:
        pattern: What the sentence must be like.
        sentence: What the task said.
        well: How many trainings ended with 0.
        versions_found: How many models were registered.
    """
    if well:
        yield "the training ran on to its end, though nobody waited for it"
    if versions_found:
        yield "a model was registered"
    if sentence.endswith(NOTHING) or not re.search(pattern, sentence):
        yield f"the sentence is {sentence!r}, not one like {pattern!r}"


def wrong_tries(allowed: tuple[int, int], tries: int | None) -> Iterator[str]:
    """What is wrong with the number of tries that the task took; a run that is gone has none."""
    least, most = allowed
    if tries is not None and tries < least:
        yield f"the fault did not hit: try {tries} was the last one"
    if tries is not None and tries > most:
        yield f"it took {tries} tries, not {most}"


def retried_beside(scene: Scene) -> Iterator[str]:
    """Tasks that nothing has hit, and that took more than one try all the same."""
    for run_id in scene.known_runs():
        for task in scene.api.tasks(scene.dag_id, run_id):
            if task["task_id"] != scene.fault.task and int(task["try_number"]) > 1:
                yield f"{task['task_id']} took {task['try_number']} tries"


def wrong_trainings(scene: Scene, keys: Iterable[str]) -> Iterator[str]:
    """Trainings of which two containers ran at the same time."""
    if any(scene.engine.trainings_at_once(key) for key in keys):
        yield "two containers of the training ran at the same time"


def failure_sentence(scene: Scene) -> str:
    """What the task that failed says, on one line; `(deleted)` for a run that is gone."""
    if not scene.known_runs():
        return DELETED
    for task in scene.api.tasks(scene.dag_id, scene.runs[0]):
        if task["state"] == "failed":
            said = scene.api.messages(scene.dag_id, scene.runs[0], task, levels=("error",))
            told = [line for line in said if re.match(r"[A-Z]\w+: ", line)] or said[-1:]
            return f"{task['task_id']}: {told[-1].splitlines()[0] if told else NOTHING}"
    return ""


def left_running(scene: Scene) -> list[str]:
    """Containers of the scene that still run after the time in which everything must have been stopped."""
    deadline = time.monotonic() + STOP_LIMIT_S
    while (running := scene.engine.running(dag_id=scene.dag_id)) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return running
