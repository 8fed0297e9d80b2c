"""Leases of GPUs, kept on the site: a GPU is never given to two jobs, not by two DAGs, not by two Airflows.

A lease is a container that is never started, named after the GPU: Docker gives a name once. It says whose it
is. Nobody gives a lease back; it is free when its job has ended, or was created and then left by everybody.
Who takes a stale one removes it by its id, so that of two who try at once only one succeeds.
"""

from __future__ import annotations

from edge_training import identity, ownership
from edge_training.errors import SiteBusy
from edge_training.ports.edge_host import ContainerSpec, ContainerState, EdgeHost

GPUS_LABEL = "gpus"
HOLDER_LABEL = "job"
SEPARATOR = ","


def labels_of(gpu_ids: tuple[str, ...]) -> dict[str, str]:
    """The label by which a restarted container knows its GPUs."""
    return {GPUS_LABEL: SEPARATOR.join(gpu_ids)} if gpu_ids else {}


def gpus_of(state: ContainerState) -> list[str]:
    """The GPUs that a container was created for."""
    named = identity.label(state.labels, GPUS_LABEL)
    return sorted(named.split(SEPARATOR)) if named else []


async def acquire(host: EdgeHost, state: ContainerState) -> None:
    """Lease the GPUs of a container that is about to be started; always in one order, all of them or none.

    Raises:
        SiteBusy: Another job has one of them.
    """
    for gpu in gpus_of(state):
        await acquire_one(host, gpu, state)


async def acquire_one(host: EdgeHost, gpu: str, state: ContainerState) -> None:
    """Lease one GPU, unless the job has it already."""
    name = identity.lease_name(gpu)
    spec = ContainerSpec(
        name=name,
        image=state.image,
        command=("true",),
        labels=identity.labels(role="gpu-lease", **{HOLDER_LABEL: state.name}),
    )
    while not await host.create(spec):
        lease = await host.inspect(name)
        if lease is None:
            continue
        holder = identity.label(lease.labels, HOLDER_LABEL)
        if holder == state.name:
            return
        if not await is_stale(host, holder):
            raise SiteBusy(f"{state.name} waits for GPU {gpu}, which {holder} uses.")
        await host.remove(lease.id)


async def is_stale(host: EdgeHost, holder: str) -> bool:
    """Whether the job that holds a lease will not use it any more."""
    state = await host.inspect(holder)
    if state is None or state.status in ("exited", "dead"):
        return True
    return state.status == "created" and not await ownership.watchers(host, holder)
