"""The peer of edge jobs: the operators of apache-airflow-providers-ssh, installed with this project because
Airflow's connection type `ssh` is theirs.

A user of theirs starts a container with `docker run` on the VM. It gets no network and no log of its own in
Docker, which is the fastest way, and the provider its best settings: each measurement names them.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow.providers.ssh.hooks.ssh import SSHHook
from airflow.providers.ssh.operators.ssh import SSHOperator
from airflow.providers.ssh.operators.ssh_remote_job import SSHRemoteJobOperator
from airflow.providers.ssh.triggers.ssh_remote_job import SSHRemoteJobTrigger
from airflow.providers.ssh.utils.remote_job import RemoteJobPaths, build_posix_wrapper_command

from benchmarks.bench import LABEL, PEER_CONNECTION, Bench
from edge_training.identity import labels
from local_site.errors import PackagesMissing

OPERATOR = "SSHOperator"
REMOTE_JOB = "SSHRemoteJobOperator"
FOREVER = 10_000
"""Reconnects; the default of 5 gives up within about a minute."""
SUBMIT_LIMIT_S = 30


@dataclass(frozen=True)
class Settings:
    """What a user of `SSHRemoteJobOperator` can choose.

    Attributes:
        poll_interval: Seconds between two looks at a job.
        log_chunk_size: Most bytes of log taken at a look.
        max_reconnect_attempts: Lost connections in a row that are put up with.
    """

    poll_interval: int = 1
    log_chunk_size: int = 16 * 2**20
    max_reconnect_attempts: int = FOREVER


BEST = Settings()
DEFAULT = Settings(poll_interval=5, log_chunk_size=2**16, max_reconnect_attempts=5)


def docker_run(bench: Bench, script: str) -> str:
    """The command that runs a Python script in a container on the VM.

    Raises:
        PackagesMissing: The VM has no Docker command.
    """
    if shutil.which("docker") is None:
        raise PackagesMissing(
            "The program docker is not installed, which the peer needs on the VM: install Debian's package "
            "docker-cli, or docker.io where there is none."
        )
    ((name, value),) = labels(**{LABEL: "peer"}).items()
    docker = ["docker", "-H", f"unix://{bench.site.docker_socket}", "run", "--rm", "--network", "none"]
    options = ["--log-driver", "none", "--label", f"{name}={value}"]
    return shlex.join([*docker, *options, bench.site.training_image, "python3", "-u", "-c", script])


def operator(command: str) -> SSHOperator:
    """The task that stays connected while the command runs."""
    return SSHOperator(task_id="train_model", ssh_conn_id=PEER_CONNECTION, command=command, cmd_timeout=None)


def remote_job(command: str, base_dir: Path, settings: Settings) -> SSHRemoteJobOperator:
    """The task that leaves the command running and defers."""
    return SSHRemoteJobOperator(
        task_id="train_model",
        ssh_conn_id=PEER_CONNECTION,
        command=command,
        remote_base_dir=str(base_dir),
        remote_os="posix",
        **vars(settings),
    )


def launched_warm(commands: Sequence[str]) -> list[float]:
    """Run commands one after the other through one connection of the hook; gives when each was asked for."""
    hook, asked_at = SSHHook(ssh_conn_id=PEER_CONNECTION, cmd_timeout=None), []
    with hook.get_conn() as client:
        for command in commands:
            asked_at.append(time.time())
            hook.exec_ssh_client_command(client, command, get_pty=False, environment=None)
    return asked_at


def submitted(command: str, base_dir: Path) -> RemoteJobPaths:
    """Start a remote job as the operator does, from the VM itself: hundreds are there in seconds."""
    paths = RemoteJobPaths(f"af_{uuid.uuid4().hex}", "posix", str(base_dir))
    wrapper = build_posix_wrapper_command(command, paths)
    subprocess.run(["bash", "-c", wrapper], check=True, timeout=SUBMIT_LIMIT_S, stdout=subprocess.DEVNULL)
    return paths


def trigger(paths: RemoteJobPaths, settings: Settings) -> tuple[str, dict[str, Any]]:
    """The trigger that watches a remote job, as Airflow stores it."""
    return SSHRemoteJobTrigger(
        ssh_conn_id=PEER_CONNECTION,
        remote_host=None,
        job_id=paths.job_id,
        job_dir=paths.job_dir,
        log_file=paths.log_file,
        exit_code_file=paths.exit_code_file,
        remote_os="posix",
        **vars(settings),
    ).serialize()
