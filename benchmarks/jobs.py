"""Jobs that run already, for measurements of what watches them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from benchmarks import ours, peer
from benchmarks.bench import Bench
from edge_training import lifecycle
from edge_training.adapters.docker.over_ssh import connect
from edge_training.adapters.ssh.target import SshTarget
from edge_training.ports.edge_host import Limits

AT_ONCE = 6
Watch = tuple[str, dict[str, Any]]
"""A trigger as Airflow stores it."""


def start_ours(bench: Bench, scripts: Sequence[str], limits: Limits = ours.LIMITS) -> list[str]:
    """Start edge jobs; gives the names of their containers."""
    site = bench.site
    target = SshTarget(
        host=site.ssh_host,
        port=site.ssh_port,
        user=site.ssh_user,
        private_key=site.ssh_private_key_file.read_text(),
        host_key=site.ssh_host_key,
        docker_socket=site.docker_socket,
    )
    jobs = [ours.training(site.training_image, script, limits) for script in scripts]

    async def start_all() -> None:
        free = asyncio.Semaphore(AT_ONCE)
        async with connect(target) as host, asyncio.TaskGroup() as group:

            async def start(number: int) -> None:
                async with free:
                    await lifecycle.ensure_started(host, jobs[number], ours.OWNER)

            for number in range(len(jobs)):
                group.create_task(start(number))

    asyncio.run(start_all())
    return [job.name for job in jobs]


def watch_ours(bench: Bench, script: str) -> Watch:
    """Start an edge job; gives the trigger that watches it."""
    (name,) = start_ours(bench, [script])
    return ours.trigger(name)


def watch_peer(bench: Bench, script: str, settings: peer.Settings) -> Watch:
    """Start a remote job of the peer; gives the trigger that watches it."""
    return peer.trigger(peer.submitted(peer.docker_run(bench, script), bench.fresh("vm")), settings)
