"""The blob store and the two registries: away, broken, or cutting, in every step that uses them."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.chaos.fault import Fault
from tests.chaos.scene import MomentMissed, Scene

DOWN_S = 60
CUTS = 3
CUT_AFTER_BYTES = 4000
BEFORE = {
    "snapshot_data": "wait_for_partition",
    "stage_data": "snapshot_data",
    "register_model": "export_model",
    "build_image": "register_model",
    "verify_image": "build_image",
    "push_image": "verify_image",
}
USERS = {
    "blob": ("wait_for_partition", "snapshot_data", "stage_data"),
    "mlflow": ("register_model", "build_image", "push_image"),
    "registry": ("build_image", "verify_image", "push_image"),
}
FRESH_PARTITION = "2013-03-08"
"""Another day than all other runs have: what is staged already asks the blob store for nothing."""
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
    )
    for part, step in UPLOADS.items()
    for name, point, inject in (
        ("500", f"{part} answers 500 for {DOWN_S} s", broken),
        ("cutting", f"{part} cuts {CUTS} connections half-way", cutting),
    )
)
IN_TRAINING = Fault(
    "mlflow-down-in-train",
    "train_model",
    f"mlflow refuses connections for {DOWN_S} s",
    down_in_training,
    links=frozenset({"mlflow"}),
)
FAULTS = (*DOWN, IN_TRAINING, *BROKEN)
