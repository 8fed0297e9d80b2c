"""What happens to the SSH line of one run."""

from __future__ import annotations

import time

from tests.chaos.fault import Fault
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


FAULTS = (
    Fault("ssh-cut-every-10s", "train_model", "every connection cut each 10 s", cut_every_10_s, links=SSH),
    Fault("ssh-refused-60s", "train_model", "connections refused for 60 s", refused, links=SSH),
    Fault("ssh-silent-60s", "train_model", "no byte passes for 60 s, nothing closes", silent, links=SSH),
    Fault(
        "ssh-down-30min", "train_model", "no byte passes for 30 minutes", down_for_long, links=SSH, long=True
    ),
)
