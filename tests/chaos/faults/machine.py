"""What happens to the VM: its SSH server, its Docker daemon, its power, its memory and its disk."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.chaos.fault import Fault
from tests.chaos.logs import every_stage_once, restarted_once, resumed, tells_of_the_reboot
from tests.chaos.scene import MomentMissed, Scene

from edge_runner.protocol import JOB_VOLUME_DIR, LOG_NAME, WORK_NAME
from edge_training.identity import read_code
from edge_training.jobs import RUNNER_FOLDER, pack

SSH = frozenset({"ssh"})
SSHD_DOWN_S = 180
DOWN_S = 3
SLOW_S = 0.3
TORN_BYTES = 40
MIB = 2**20
RESUMED = (restarted_once, resumed)


def sshd_stopped(scene: Scene) -> None:
    """Stop the SSH server, sessions included, for three minutes; the training ends meanwhile."""
    scene.until_checkpoint()
    scene.site.stop_sshd()
    time.sleep(SSHD_DOWN_S)
    scene.site.start_sshd()


def docker_killed(scene: Scene) -> None:
    """Kill the Docker daemon; the one that comes after it ends the containers it finds."""
    scene.until_checkpoint()
    scene.site.kill("dockerd")
    time.sleep(DOWN_S)
    scene.site.start_engine()


def rebooted(scene: Scene) -> None:
    """Power off and on: everything dies in one moment, and the VM has a new boot id."""
    reboot_torn(scene, "owners/*.json")


def rebooted_with_two_runs(scene: Scene) -> None:
    """Power off and on while two runs watch the same training."""
    scene.trigger()
    for run_id in scene.runs:
        scene.until(partial(scene.is_deferred, run_id), f"{run_id} deferred")
    reboot_torn(scene, "starts.json")


def reboot_torn(scene: Scene, record: str) -> None:
    """Power off and on; of what was written last, a record is left empty and the raw log short, as a page
    cache does that has not reached the disk.
    """
    container = scene.until_checkpoint()
    scene.until_deferred()
    volume = scene.engine.mount(container.id, JOB_VOLUME_DIR)
    power_cut(scene, lambda: tear(volume, record))


def power_cut(scene: Scene, meanwhile: Callable[[], object] = lambda: None) -> None:
    """Power off, wait, and power on."""
    scene.site.power_off()
    scene.site.stop_sshd()
    scene.line.boot()
    meanwhile()
    time.sleep(DOWN_S)
    scene.site.start_engine()
    scene.site.start_sshd()


def tear(volume: Path, record: str) -> None:
    """Empty the newest of a job's records of this kind, and cut off the end of its raw log.

    Raises:
        MomentMissed: There is no such record.
    """
    records = sorted(volume.glob(record), key=lambda path: path.stat().st_mtime)
    if not records:
        raise MomentMissed(f"there is no {record} to be torn")
    os.truncate(records[-1], 0)
    raw_log = volume / WORK_NAME / LOG_NAME
    os.truncate(raw_log, max(0, raw_log.stat().st_size - TORN_BYTES))


def container_killed(scene: Scene) -> None:
    """Kill the training's container from outside."""
    scene.engine.kill(scene.until_checkpoint().id)


def out_of_memory(scene: Scene) -> None:
    """The script takes more memory than its container has; nothing else is needed."""


def disk_full(scene: Scene) -> None:
    """Give the training a disk that has no room for a third checkpoint."""
    scene.link("ssh").latency_s = SLOW_S

    def shrink(container_id: str) -> None:
        work = pack(read_code(RUNNER_FOLDER))
        scene.site.shrink_disk(scene.engine.mount(container_id, JOB_VOLUME_DIR), len(work))

    scene.until_state("validate_data", "success")
    watch = scene.when("create", shrink)
    try:
        scene.await_watch(watch)
        scene.link("ssh").restore()
        scene.until_over()
    finally:
        scene.site.restore_disks()


FAULTS = (
    Fault(
        "container-killed",
        "train_model",
        "its container is killed from outside",
        container_killed,
        checks=(*RESUMED, every_stage_once),
    ),
    Fault(
        "out-of-memory",
        "train_model",
        "it needs more than its memory limit",
        out_of_memory,
        fails_with=r"^train_model: OutOfMemory: .*memory limit of 300 MiB was reached \(peak (29|30)\d MiB\)",
        params={"memory_mb": 600},
        memory_bytes=300 * MIB,
    ),
    Fault(
        "disk-full",
        "train_model",
        "no space left on the site",
        disk_full,
        fails_with=r"^train_model: DiskFull: (train\.py|edge-train-\w+)\b.*[Nn]o space left on device",
        links=SSH,
    ),
    Fault(
        "docker-killed",
        "train_model",
        "SIGKILL of the Docker daemon",
        docker_killed,
        alone=True,
        checks=RESUMED,
    ),
    Fault(
        "reboot",
        "train_model",
        "the VM loses its power",
        rebooted,
        alone=True,
        checks=(*RESUMED, every_stage_once, tells_of_the_reboot),
    ),
    Fault(
        "reboot-two-runs",
        "all",
        "the VM loses its power while two runs wait for one training",
        rebooted_with_two_runs,
        alone=True,
        checks=(*RESUMED, every_stage_once),
    ),
    Fault(
        "sshd-stopped",
        "train_model",
        f"sshd stopped for {SSHD_DOWN_S // 60} minutes",
        sshd_stopped,
        alone=True,
        checks=(every_stage_once,),
    ),
)
