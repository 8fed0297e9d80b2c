"""What a fault has come to: one completed training, one version, one image, equal weights; or one sentence
and nothing left.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from tests.chaos.api import POLL_S
from tests.chaos.artifacts import versions, weights_sha256
from tests.chaos.fault import COMPLETES
from tests.chaos.scene import Scene, training_keys

STOP_LIMIT_S = 150
"""Housekeeping stops within two minutes what nobody owns."""


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
    """

    fault: str
    step: str
    point: str
    outcome: str
    containers: int
    model_versions: int | None
    weights_sha256_equal: bool | None
    seconds: float

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
    keys = training_keys(scene)
    found = [version for key in sorted(keys) for version in versions(scene.site.info, scene.fault.model, key)]
    well = sum(scene.engine.trainings_that_ended_well(key) for key in keys)
    weights = {weights_sha256(scene.site.info, version) for version in found}
    equal = weights == {reference} if weights and reference else None
    wrong = [*([missed] if missed else []), *scene.wrong]
    if scene.fault.fails_with == COMPLETES:
        wrong += incomplete(scene, keys, well, found, equal, reference)
        outcome = "completed"
    else:
        sentence = failure_sentence(scene)
        wrong += wrong_failure(scene, sentence, found)
        outcome = f"failed as it should: {sentence}"
    wrong += [f"{name} still runs" for name in left_running(scene)]
    wrong += scene.fault.check(scene) if scene.fault.check else []
    fault = scene.fault
    return Verdict(
        fault.name,
        fault.step,
        fault.point,
        f"WRONG: {'; '.join(wrong)}" if wrong else outcome,
        well,
        len(found),
        equal,
        round(seconds, 1),
    )


def unjudged(scene: Scene, seconds: float) -> Verdict:
    """The row of a scene that could not be played to its end."""
    fault = scene.fault
    outcome = f"WRONG: {'; '.join(scene.wrong)}"
    return Verdict(fault.name, fault.step, fault.point, outcome, 0, 0, None, round(seconds, 1))


def incomplete(
    scene: Scene, keys: set[str], well: int, found: list[dict[str, Any]], equal: bool | None, reference: str
) -> Iterator[str]:
    """What is wrong with a scene that should have completed."""
    states = {run_id: scene.api.run(scene.dag_id, run_id)["state"] for run_id in scene.runs}
    if set(states.values()) != {"success"}:
        yield f"the runs are {', '.join(states.values())} ({failure_sentence(scene) or 'without a sentence'})"
    else:
        yield from wrong_images(scene)
    if len(keys) != 1:
        yield f"{len(keys)} training keys"
    if well != 1:
        yield f"{well} containers of the training ended with 0"
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


def wrong_failure(scene: Scene, sentence: str, found: list[dict[str, Any]]) -> Iterator[str]:
    """What is wrong with a scene that should have failed."""
    if found:
        yield "a model was registered"
    if not re.search(scene.fault.fails_with, sentence):
        yield f"the sentence is {sentence!r}, not one like {scene.fault.fails_with!r}"


def failure_sentence(scene: Scene) -> str:
    """What the task that failed says, on one line; `(deleted)` for a run that is gone."""
    if all(run["dag_run_id"] != scene.runs[0] for run in scene.api.runs(scene.dag_id)):
        return "(deleted)"
    for task in scene.api.tasks(scene.dag_id, scene.runs[0]):
        if task["state"] == "failed":
            said = scene.api.messages(scene.dag_id, scene.runs[0], task, levels=("error",))
            told = [line for line in said if re.match(r"[A-Z]\w+: ", line)] or said[-1:]
            return f"{task['task_id']}: {told[-1].splitlines()[0] if told else '(nothing)'}"
    return ""


def left_running(scene: Scene) -> list[str]:
    """Containers of the scene that still run after the time in which everything must have been stopped."""
    deadline = time.monotonic() + STOP_LIMIT_S
    while (running := scene.engine.running(dag_id=scene.dag_id)) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return running
