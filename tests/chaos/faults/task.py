"""What people do to a run: clear, stop, delete and start it twice."""

from __future__ import annotations

import time

from tests.chaos.api import POLL_S
from tests.chaos.fault import Fault
from tests.chaos.scene import Scene

STOP_LIMIT_S = 30
TIMEOUT_S = 20
DOWN_S = 30
SETTLE_S = 5


def cleared(scene: Scene) -> None:
    """Clear the training's task while the triggerer watches it."""
    scene.until_checkpoint()
    scene.until_deferred()
    scene.api.clear(scene.dag_id, scene.runs[0], "train_model")


def marked_failed(scene: Scene) -> None:
    """Mark the training's task as failed; its container must be gone soon."""
    scene.until_checkpoint()
    scene.until_deferred()
    scene.api.mark_failed(scene.dag_id, scene.runs[0], "train_model")
    deadline = time.monotonic() + STOP_LIMIT_S
    while scene.engine.running(dag_id=scene.dag_id):
        if time.monotonic() > deadline:
            scene.wrong.append(f"the container ran on for more than {STOP_LIMIT_S} s")
            return
        time.sleep(POLL_S)


def timed_out(scene: Scene) -> None:
    """Let the training's task run into its timeout."""
    scene.until_deferred()


def deleted(scene: Scene) -> None:
    """Delete the run while its trigger cannot reach the site; Airflow wants it marked as failed first."""
    scene.until_checkpoint()
    scene.until_deferred()
    scene.link("ssh").refuse()
    scene.api.mark_run_failed(scene.dag_id, scene.runs[0])
    # A scheduler that has the run in its hands dies of its deletion (Airflow 3.3.2, measured).
    time.sleep(SETTLE_S)
    scene.api.delete_run(scene.dag_id, scene.runs[0])
    time.sleep(DOWN_S)


def twice(scene: Scene) -> None:
    """Start the same partition a second time at the same moment."""
    scene.trigger()


FAULTS = (
    Fault("task-cleared", "train_model", "cleared while training", cleared),
    Fault(
        "task-marked-failed",
        "train_model",
        "marked failed while training",
        marked_failed,
        fails_with="^train_model",
        params={"stage_s": 3.0},
    ),
    Fault(
        "task-timed-out",
        "train_model",
        f"its timeout of {TIMEOUT_S} s passes while training",
        timed_out,
        fails_with="(?i)^train_model: .*(time|limit)",
        params={"stage_s": 4.0},
        retries=0,
        training_timeout_s=TIMEOUT_S,
    ),
    Fault(
        "run-deleted",
        "train_model",
        "the run is deleted while the site is out of reach",
        deleted,
        fails_with=r"^\(deleted\)",
        links=frozenset({"ssh"}),
        params={"stage_s": 15.0},
    ),
    Fault("partition-twice", "all", "the same partition is triggered twice at once", twice),
)
