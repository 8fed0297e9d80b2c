"""What people do to a run: clear, stop, delete and start it twice."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator

from tests.chaos.fault import NEXT_TRY, Fault
from tests.chaos.logs import never_restarted
from tests.chaos.scene import MomentMissed, Scene
from tests.chaos.verdict import DELETED

from edge_runner.protocol import JOB_VOLUME_DIR
from edge_training.lifecycle import STOPPED_NAME

STOP_LIMIT_S = 30
TIMEOUT_S = 20
DOWN_S = 30
SETTLE_S = 5
MARKED = "its task was marked, or its run was ended, in Airflow"
KILLED = "its task was killed"
ORPHANED = "no task of it is left in Airflow"
"""What `maintain_site` says, when its look falls between the mark and the kill."""
FRESH_PARTITION = "2013-03-15"
"""Another day than all other runs have: what is staged already asks the blob store for nothing."""


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
    scene.until_gone(STOP_LIMIT_S)


def step_marked_failed(scene: Scene) -> None:
    """Mark a step as failed that a worker follows and whose store does not answer; its container must be gone
    soon.
    """
    scene.until_state("snapshot_data", "success")
    scene.link("blob").hold()
    scene.until_running("stage")
    time.sleep(SETTLE_S)
    if scene.task()["state"] != "running":
        raise MomentMissed("the step had ended before it was marked")
    scene.api.mark_failed(scene.dag_id, scene.runs[0], "stage_data")
    scene.until_gone(STOP_LIMIT_S)


def timed_out(scene: Scene) -> None:
    """Let the training's task run into its timeout; its container must run until then, and be gone soon."""
    scene.until_training()
    scene.until_deferred()
    time.sleep(TIMEOUT_S / 2)  # some of it had passed before the task was deferred
    if not scene.engine.running(dag_id=scene.dag_id):
        raise MomentMissed("the container had ended before its task's time was over")
    scene.until_gone(TIMEOUT_S / 2 + STOP_LIMIT_S)


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


def stopped_by(step: str, by: str) -> Callable[[Scene], Iterator[str]]:
    """Whether the mark in a step's job says who has stopped it, and why.

    Args:
        step: The step.
        by: Pattern of `<who>: <why>`.
    """

    def check(scene: Scene) -> Iterator[str]:
        jobs = scene.jobs(step)
        if not jobs:
            yield f"there is no job of {step} that could say who stopped it"
        for job in jobs:
            raw = scene.engine.file(job.id, f"{JOB_VOLUME_DIR}/{STOPPED_NAME}")
            mark = json.loads(raw) if raw else {"by": "nobody", "why": "not marked"}
            if not re.search(by, said := f"{mark['by']}: {mark['why']}"):
                yield f"{job.name} was stopped by {said!r}, not by one like {by!r}"

    return check


def twice(scene: Scene) -> None:
    """Start the same partition a second time at the same moment."""
    scene.trigger()


FAULTS = (
    Fault(
        "task-cleared",
        "train_model",
        "cleared while training",
        cleared,
        tries=NEXT_TRY,
        checks=(never_restarted,),
    ),
    Fault(
        "task-marked-failed",
        "train_model",
        "marked failed while training",
        marked_failed,
        fails_with=rf"^train_model: edge-train-\w+ (is|was) stopped .*({MARKED}|{ORPHANED})",
        params={"stage_s": 3.0},
        checks=(stopped_by("train", f"^(try 1 of train_model in .*: {MARKED}|maintain_site: {ORPHANED})"),),
    ),
    Fault(
        "step-marked-failed",
        "stage_data",
        "marked failed while a worker follows it and the blob store is silent",
        step_marked_failed,
        fails_with=r"^stage_data: .*edge-stage-\w+ (is|was) stopped",
        links=frozenset({"blob"}),
        partition=FRESH_PARTITION,
        checks=(stopped_by("stage", f"^(try 1 of stage_data in .*: {KILLED}|maintain_site: {ORPHANED})"),),
    ),
    Fault(
        "task-timed-out",
        "train_model",
        f"its timeout of {TIMEOUT_S} s passes while training",
        timed_out,
        fails_with="^train_model: TimeLimit: .*execution_timeout was over. It was stopped on the site",
        params={"stage_s": 4.0},
        retries=0,
        training_timeout_s=TIMEOUT_S,
        checks=(stopped_by("train", "^try 1 of train_model in .*: .*execution_timeout"),),
    ),
    Fault(
        "run-deleted",
        "train_model",
        "the run is deleted while the site is out of reach",
        deleted,
        fails_with=rf"^{re.escape(DELETED)}$",
        links=frozenset({"ssh"}),
        params={"stage_s": 15.0},
        checks=(stopped_by("train", "^maintain_site: "),),
    ),
    Fault("partition-twice", "all", "the same partition is triggered twice at once", twice),
)
