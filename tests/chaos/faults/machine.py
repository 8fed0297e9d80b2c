"""What happens to the VM: its SSH server, its Docker daemon, its power, its memory and its disk."""

from __future__ import annotations

import time
from pathlib import Path

from tests.chaos.fault import Fault
from tests.chaos.scene import Scene

from edge_runner.protocol import JOB_VOLUME_DIR

SSH = frozenset({"ssh"})
SSHD_DOWN_S = 180
DOWN_S = 3
SLOW_S = 0.3
MIB = 2**20


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
    scene.until_checkpoint()
    scene.site.power_off()
    scene.site.stop_sshd()
    scene.line.boot()
    time.sleep(DOWN_S)
    scene.site.start_engine()
    scene.site.start_sshd()


def container_killed(scene: Scene) -> None:
    """Kill the training's container from outside."""
    scene.engine.kill(scene.until_checkpoint().id)


def out_of_memory(scene: Scene) -> None:
    """The script takes more memory than its container has; nothing else is needed."""


def disk_full(scene: Scene) -> None:
    """Give the training a disk that has no room for a third checkpoint."""
    scene.link("ssh").latency_s = SLOW_S

    def shrink(container_id: str) -> None:
        mounts = scene.engine.client.api.inspect_container(container_id)["Mounts"]
        place = next(mount["Source"] for mount in mounts if mount["Destination"] == JOB_VOLUME_DIR)
        scene.site.shrink_disk(Path(place))

    scene.until_state("validate_data", "success")
    watch = scene.when("create", shrink)
    try:
        scene.await_watch(watch)
        scene.link("ssh").restore()
        scene.until_over()
    finally:
        scene.site.restore_disks()


FAULTS = (
    Fault("container-killed", "train_model", "its container is killed from outside", container_killed),
    Fault(
        "out-of-memory",
        "train_model",
        "it needs more than its memory limit",
        out_of_memory,
        fails_with="OutOfMemory: .*memory limit of 300 MiB",
        params={"memory_mb": 600},
        memory_bytes=300 * MIB,
    ),
    Fault(
        "disk-full",
        "train_model",
        "no space left on the site",
        disk_full,
        fails_with="(?i)disk|space",
        links=SSH,
    ),
    Fault("docker-killed", "train_model", "SIGKILL of the Docker daemon", docker_killed, alone=True),
    Fault("reboot", "train_model", "the VM loses its power", rebooted, alone=True),
    Fault("sshd-stopped", "train_model", "sshd stopped for 3 minutes", sshd_stopped, alone=True),
)
