"""On a real engine, an orphan is stopped by SIGTERM and a job with a living task beside it runs on."""

from __future__ import annotations

import uuid

from tests.edge_world import SMALL
from tests.fakes.task_states import InMemoryTaskStates
from tests.real_host import Engine, real_host, target

from edge_runner.protocol import JOB_VOLUME_DIR
from edge_training import ownership
from edge_training.adapters.docker import inventory as docker_inventory
from edge_training.identity import container_name, labels
from edge_training.ownership import Owner
from edge_training.ports.edge_host import ContainerSpec, EdgeHost, Mount
from edge_training.stages.reconcile import Reconciler, task_of

SLEEPS = ("python3", "-c", "import time; time.sleep(100)")


async def started(host: EdgeHost, behind: Engine, image: str, owner: Owner) -> str:
    """A running job that the owner watches; gives its name."""
    key = uuid.uuid4().hex * 2
    name = container_name("train", key)
    behind.names.append(name)
    spec = ContainerSpec(
        name,
        image,
        SLEEPS,
        mounts=(Mount(name, JOB_VOLUME_DIR, read_only=False),),
        limits=SMALL,
        labels=labels(step="train", key=key),
    )
    await host.create(spec)
    await ownership.claim(host, name, owner)
    await host.start(name)
    return name


async def test_only_the_job_whose_task_is_gone_is_stopped(site, behind):
    deployment = uuid.uuid4().hex  # others test on this site too
    gone = Owner(deployment, "train", "gone", "train_model", -1, 1, "try-1")
    alive = Owner(deployment, "train", "alive", "train_model", -1, 1, "try-1")
    tasks = InMemoryTaskStates()
    tasks.known[task_of(alive)] = "deferred"
    async with real_host(site) as host, docker_inventory.connect(target(site)) as inventory:
        orphan = await started(host, behind, site.training_image, gone)
        watched = await started(host, behind, site.training_image, alive)
        stopped = []
        await Reconciler(host, inventory, tasks, deployment, 5, stopped.append).once()
        assert [found.job for found in stopped] == [orphan]
        states = [await host.inspect(name) for name in (orphan, watched)]
    assert [(state.status, state.exit_code) for state in states] == [("exited", 143), ("running", 0)]
