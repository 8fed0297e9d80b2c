"""SIGKILL to Airflow's processes: to the one of a task at every point that matters, and to Airflow's own."""

from __future__ import annotations

import time

from tests.chaos.fault import NEXT_TRY, Fault
from tests.chaos.logs import every_stage, every_stage_once, never_restarted
from tests.chaos.scene import MomentMissed, Scene
from tests.chaos.site import TRIGGERER, end_now

SSH = frozenset({"ssh"})
SLOW_S = 0.3
"""Delay of a request while a kill must fall between two of them."""
RETRIES = 20
KILL_STEP_S = 0.5
KILL_STEPS = 7
DOWN_S = 5
EXPORT = "export_model"


def before_create(scene: Scene) -> None:
    """Kill the task's process as soon as there is one; over a slow line it gets no further."""
    scene.link("ssh").latency_s = SLOW_S
    end_now([scene.process()])
    if scene.trainings():
        raise MomentMissed("the container was there before its task was killed")


def between_create_and_start(scene: Scene) -> None:
    """Kill the task's process when Docker has created the container."""
    kill_at(scene, "create")
    states = [found.status for found in scene.trainings()]
    if states != ["created"]:
        raise MomentMissed(f"the container was {states}, not created, after its task was killed")


def between_start_and_deferral(scene: Scene) -> None:
    """Kill the task's process when Docker has started the container, before its input has arrived."""
    kill_at(scene, "start")
    if scene.task()["state"] == "deferred":
        raise MomentMissed("the task had deferred before it was killed")


def kill_at(scene: Scene, action: str) -> None:
    """Kill the training task's process when this happens to its container.

    A slow line keeps the moment open.
    """
    scene.link("ssh").latency_s = SLOW_S
    process = scene.process()
    scene.await_watch(scene.when(action, lambda _: end_now([process])))


def in_resume(scene: Scene) -> None:
    """Kill the process that takes a result: the export's, as the others' tasks end in the triggerer."""
    scene.until_state(EXPORT, "deferred")
    end_now([scene.process()])


def twenty_times(scene: Scene) -> None:
    """Kill twenty tries in a row, each a little later than the one before, over a slow line."""
    scene.link("ssh").latency_s = SLOW_S
    for number in range(RETRIES):
        process = scene.process()
        time.sleep(number % KILL_STEPS * KILL_STEP_S)
        if scene.task()["state"] == "deferred":
            raise MomentMissed(f"try {number + 1} had deferred before it was killed")
        end_now([process])


def triggerer(scene: Scene) -> None:
    """Kill the triggerer while it watches the training."""
    kill_part(scene, TRIGGERER)


def triggerer_silent(scene: Scene) -> None:
    """Let the triggerer do nothing until another one has taken its triggers over; then it goes on, and hears
    that they are no longer its own.
    """
    scene.until_checkpoint()
    scene.until_deferred()
    first = watcher(scene)
    with scene.site.second_triggerer():
        scene.until(lambda: scene.api.triggerers() == 2, "a second triggerer")
        with scene.site.silent(TRIGGERER):
            scene.until(lambda: watcher(scene) not in (None, first), "the second triggerer's watch")
        scene.until_over()


def watcher(scene: Scene) -> int | None:
    """The triggerer that watches the training."""
    found = scene.task()["triggerer_job"]
    return int(found["id"]) if found else None


def scheduler(scene: Scene) -> None:
    """Kill the scheduler, with the tasks it runs, while the training goes on."""
    kill_part(scene, "airflow-scheduler")


def api_server(scene: Scene) -> None:
    """Kill the API server, which every task and trigger talks to, while the training goes on."""
    kill_part(scene, "airflow-api-server")


def kill_part(scene: Scene, name: str) -> None:
    """Kill one of Airflow's processes while the training is watched, and start it again."""
    scene.until_checkpoint()
    scene.until_deferred()
    scene.site.kill(name)
    time.sleep(DOWN_S)
    scene.site.start_airflow()


FAULTS = (
    Fault(
        "kill-before-create",
        "train_model",
        "SIGKILL before create",
        before_create,
        links=SSH,
        tries=NEXT_TRY,
    ),
    Fault(
        "kill-before-start",
        "train_model",
        "SIGKILL between create and start",
        between_create_and_start,
        links=SSH,
        tries=NEXT_TRY,
    ),
    Fault(
        "kill-before-deferral",
        "train_model",
        "SIGKILL between start and deferral",
        between_start_and_deferral,
        links=SSH,
        tries=NEXT_TRY,
    ),
    Fault("kill-in-resume", EXPORT, "SIGKILL in resume", in_resume, tries=NEXT_TRY),
    Fault(
        "twenty-retries",
        "train_model",
        "20 tries in a row killed, each at another point",
        twenty_times,
        links=SSH,
        tries=(RETRIES + 1, RETRIES + 1),
        retries=30,
        retry_delay_s=1,
    ),
    Fault(
        "triggerer-killed",
        "train_model",
        "SIGKILL of the triggerer",
        triggerer,
        alone=True,
        checks=(every_stage,),
    ),
    Fault(
        "triggerer-silent",
        "train_model",
        "the triggerer is silent until another one has taken over",
        triggerer_silent,
        alone=True,
        params={"stage_s": 8.0},
        checks=(never_restarted,),
    ),
    Fault(
        "scheduler-killed",
        "train_model",
        "SIGKILL of the scheduler",
        scheduler,
        alone=True,
        checks=(every_stage_once,),
    ),
    Fault(
        "api-server-killed",
        "train_model",
        "SIGKILL of the API server",
        api_server,
        alone=True,
        checks=(every_stage_once,),
    ),
)
