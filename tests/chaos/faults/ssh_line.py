"""What happens to the SSH line of one run."""

from __future__ import annotations

import time

from tests.chaos.fault import Fault
from tests.chaos.logs import every_stage_once
from tests.chaos.scene import Scene

SSH = frozenset({"ssh"})
CUT_EVERY_S = 10
CUTS = 7
DOWN_S = 60
LONG_DOWN_S = 30 * 60


def cut_every_10_s(scene: Scene) -> None:
    """Cut all connections of the run again and again, in every step on the site."""
    for _ in range(CUTS):
        time.sleep(CUT_EVERY_S)
        scene.link("ssh").cut()


def refused(scene: Scene) -> None:
    """Refuse every connection while the training ends on its own."""
    scene.until_checkpoint()
    scene.link("ssh").refuse()
    time.sleep(DOWN_S)


def silent(scene: Scene) -> None:
    """Lose every byte, and close nothing, while the training ends on its own."""
    scene.until_checkpoint()
    scene.link("ssh").hold()
    time.sleep(DOWN_S)


def down_for_long(scene: Scene) -> None:
    """Lose the way to the site for half an hour."""
    scene.until_checkpoint()
    scene.link("ssh").hold()
    time.sleep(LONG_DOWN_S)


FAULTS = tuple(
    Fault(name, "train_model", point, inject, links=SSH, long=long, checks=(every_stage_once,))
    for name, point, inject, long in (
        ("ssh-cut-every-10s", "every connection cut each 10 s", cut_every_10_s, False),
        ("ssh-refused-60s", "connections refused for 60 s", refused, False),
        ("ssh-silent-60s", "no byte passes for 60 s, nothing closes", silent, False),
        ("ssh-down-30min", "no byte passes for 30 minutes", down_for_long, True),
    )
)
