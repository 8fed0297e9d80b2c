"""The faults that apply to Airflow's own `SSHRemoteJobOperator` too.

Most are the very same injections. It has no step between creating and starting a container that is its own
(`docker run` on the VM does both), and neither blob store, MLflow nor registry.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from tests.chaos.fault import Fault
from tests.chaos.faults import FAULTS
from tests.chaos.faults.machine import power_cut
from tests.chaos.faults.process import KILL_STEP_S, KILL_STEPS, RETRIES
from tests.chaos.peer import PEER, run_folder, vm_folder
from tests.chaos.scene import MOMENT_LIMIT_S, PROCESS_POLL_S, MomentMissed, Scene
from tests.chaos.site import end_now

SLOW_S = 0.6
ANSWER_S = 0.15


def before_submit(scene: Scene) -> None:
    """Kill the task's process before anything can have reached the VM."""
    scene.link("ssh").hold()
    end_now([scene.process()])
    scene.link("ssh").restore()


def between_submit_and_deferral(scene: Scene) -> None:
    """Kill the task's process when its job is there but the answer has not arrived."""
    scene.link("ssh").answer_latency_s = SLOW_S
    process = scene.process()
    if not job_comes(scene, "", MOMENT_LIMIT_S):
        raise MomentMissed("no job was submitted")
    scene.link("ssh").hold()
    job_comes(scene, "pid", MOMENT_LIMIT_S)
    end_now([process])
    scene.link("ssh").restore()
    if scene.task()["state"] == "deferred":
        raise MomentMissed("the task had deferred before it was killed")


def job_comes(scene: Scene, name: str, limit_s: float, number: int = 1) -> bool:
    """Whether the folder of a try's job has this file within some time."""
    jobs, deadline = vm_folder(scene.site.layout) / "jobs", time.monotonic() + limit_s
    while not any(jobs.glob(f"af_{scene.dag_id}_*_try{number}_*/{name}")):
        if time.monotonic() > deadline:
            return False
        time.sleep(PROCESS_POLL_S)
    return True


def in_resume(scene: Scene) -> None:
    """Kill the task's process that takes the result."""
    scene.until_deferred()
    scene.await_watch(scene.when("die", lambda _: None))
    end_now([scene.process()])


def rebooted(scene: Scene) -> None:
    """Power off and on; what the peer wrote last is left whole."""
    scene.until_checkpoint()
    power_cut(scene)


def twenty_times(scene: Scene) -> None:
    """Kill twenty tries in a row, each a little later than the one before, at the latest before it defers."""
    for number in range(RETRIES):
        scene.link("ssh").answer_latency_s = ANSWER_S
        process = scene.process()
        if job_comes(scene, "", number % KILL_STEPS * KILL_STEP_S, number + 1):
            scene.link("ssh").hold()
            job_comes(scene, "pid", KILL_STEP_S, number + 1)
        end_now([process])
        scene.link("ssh").restore()
        if scene.task()["state"] == "deferred":
            raise MomentMissed(f"try {number + 1} had deferred before it was killed")


def disk_full(scene: Scene) -> None:
    """Give the run's folder on the VM a disk that has no room for a third checkpoint."""
    place = run_folder(scene.site.layout, scene.runs[0])
    place.mkdir(parents=True)
    scene.site.shrink_disk(place)
    try:
        scene.until_over()
    finally:
        scene.site.restore_disks()


APPLIES: dict[str, dict[str, Any]] = {
    "ssh-cut-every-10s": {},
    "ssh-refused-60s": {},
    "ssh-silent-60s": {},
    "ssh-down-30min": {},
    "log-100mb": {},
    "kill-before-create": {
        "point": "SIGKILL before submit",
        "inject": before_submit,
        "links": frozenset({"ssh"}),
    },
    "kill-before-deferral": {
        "point": "SIGKILL between submit and deferral",
        "inject": between_submit_and_deferral,
    },
    "kill-in-resume": {"step": "train_model", "inject": in_resume},
    "twenty-retries": {"inject": twenty_times},
    "triggerer-killed": {},
    "scheduler-killed": {},
    "api-server-killed": {},
    "task-cleared": {},
    "task-marked-failed": {"fails_with": "."},
    "task-timed-out": {"fails_with": "(?i)timeout|timed out"},
    "run-deleted": {},
    "partition-twice": {},
    "container-killed": {},
    "out-of-memory": {"fails_with": "(?i)memory|oom"},
    "disk-full": {"inject": disk_full, "fails_with": "(?i)disk|space"},
    "docker-killed": {},
    "reboot": {"inject": rebooted},
    "sshd-stopped": {},
}
"""What differs from our own fault of that name."""


def chosen(names: Collection[str], long: bool) -> list[Fault]:
    """The peer's faults: those named, the long ones, or all others.

    Raises:
        SystemExit: None of that name applies to it.
    """
    if unknown := set(names) - set(APPLIES):
        known = ", ".join(APPLIES)
        raise SystemExit(f"These do not apply to the peer: {', '.join(sorted(unknown))}; those are: {known}")
    return [
        replace(fault, side=PEER.name, checks=(), **APPLIES[fault.name])
        for fault in FAULTS
        if fault.name in APPLIES and (fault.name in names if names else fault.long == long)
    ]
