"""The blob store and the two registries: away, broken, or cutting, in every step that uses them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from tests.chaos.artifacts import RAW_LOG_PATH
from tests.chaos.fault import ONE_TRY, Fault
from tests.chaos.logs import STAGES
from tests.chaos.scene import MomentMissed, Scene
from tests.mlflow_runs import runs_on

DOWN_S = 60
CUTS = 3
CUT_AFTER_BYTES = 4000
BEFORE = {
    "roll_out": "decide_rollout",
    "promote_champion": "roll_out",
    "decide_rollout": "push_image",
    "snapshot_data": "wait_for_partition",
    "stage_data": "snapshot_data",
    "validate_data": "stage_data",
    "register_model": "export_model",
    "build_image": "register_model",
    "verify_image": "build_image",
    "push_image": "verify_image",
}
USERS = {
    "blob": ("wait_for_partition", "snapshot_data", "stage_data"),
    "mlflow": ("validate_data", "register_model", "build_image", "push_image"),
    "registry": ("build_image", "verify_image", "push_image"),
}
FRESH_PARTITION = "2013-03-08"
"""Another day than all other runs have: what is staged already asks the blob store for nothing."""
TRIES = {"blob": (2, 4), "registry": (2, 4), "mlflow": (1, 2)}
"""How many tries a minute takes. The clients of blob store and registry give up after seconds and leave the
rest to the task's retries; that of MLflow waits for up to a minute within the call."""
METRIC = "train_mae"
UPLOADS = {"mlflow": "register_model", "registry": "build_image"}


def down(part: str) -> Callable[[Scene], None]:
    """Refuse all connections to a part while a step needs it."""

    def inject(scene: Scene) -> None:
        await_step(scene)
        scene.link(part).refuse()
        hold_on(scene)

    return inject


def down_in_training(scene: Scene) -> None:
    """Refuse all connections to MLflow while the training's metrics come; they alone may wait."""
    scene.until_checkpoint()
    scene.link("mlflow").refuse()
    time.sleep(DOWN_S)


def broken(part: str) -> Callable[[Scene], None]:
    """Answer every request to a part with 500 while a step needs it."""

    def inject(scene: Scene) -> None:
        await_step(scene)
        scene.link(part).answer_500()
        hold_on(scene)

    return inject


def cutting(part: str) -> Callable[[Scene], None]:
    """Cut connections to a part half-way through a request."""

    def inject(scene: Scene) -> None:
        await_step(scene)
        link = scene.link(part)
        link.cut_next(CUTS, CUT_AFTER_BYTES)
        scene.until(lambda: link.cuts_left == 0, f"{CUTS} cut connections")

    return inject


def tracked(scene: Scene) -> Iterator[str]:
    """MLflow has the whole training all the same: one run, with the points of all stages and the raw log."""
    for key in scene.training_keys():
        found = runs_on(scene.site.info.mlflow_url, scene.fault.model, key)
        if len(found) != 1:
            yield f"MLflow has {len(found)} runs of the training"
            continue
        steps = [point.step for point in found[0].points if point.name == METRIC]
        if steps != list(range(1, STAGES + 1)):
            yield f"the run in MLflow has the points {steps} of {METRIC}"
        if not found[0].logs.get(RAW_LOG_PATH.rpartition("/")[2]):
            yield "the run in MLflow has no raw log"


def await_step(scene: Scene) -> None:
    """Wait until the step that is hit comes next."""
    if before := BEFORE.get(scene.fault.step):
        scene.until_state(before, "success")


def hold_on(scene: Scene) -> None:
    """Keep the fault up, and see that the step did need what was away.

    Raises:
        MomentMissed: The step ended well all the same.
    """
    time.sleep(DOWN_S)
    if scene.task()["state"] == "success":
        raise MomentMissed(f"{scene.fault.step} did not need what was away")


DOWN = tuple(
    Fault(
        f"{part}-down-in-{step.partition('_')[0]}",
        step,
        f"{part} refuses connections for {DOWN_S} s",
        down(part),
        links=frozenset({part}),
        tries=TRIES[part],
        partition=FRESH_PARTITION if step == "stage_data" else None,
    )
    for part, steps in USERS.items()
    for step in steps
)
BROKEN = tuple(
    Fault(
        f"{part}-{name}",
        step,
        point,
        inject(part),
        links=frozenset({part}),
        tries=tries,
    )
    for part, step in UPLOADS.items()
    for name, point, inject, tries in (
        ("500", f"{part} answers 500 for {DOWN_S} s", broken, TRIES[part]),
        ("cutting", f"{part} cuts {CUTS} connections half-way", cutting, ONE_TRY),
    )
)
IN_TRAINING = Fault(
    "mlflow-down-in-train",
    "train_model",
    f"mlflow refuses connections for {DOWN_S} s",
    down_in_training,
    links=frozenset({"mlflow"}),
    checks=(tracked,),
)
FAULTS = (*DOWN, IN_TRAINING, *BROKEN)
