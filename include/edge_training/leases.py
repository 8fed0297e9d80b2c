"""Leases of GPUs, kept on the site: a GPU is never given to two jobs, not by two DAGs, not by two Airflows.

A lease is a container that is never started, named after the GPU: Docker gives a name once. It says whose it
is. A job that ends gives no lease back; one is free when its job has ended for good, or was left by everybody
before it was started, or started again. A job that has to wait for one GPU keeps no other.

Who takes a stale one removes it by its id, so that of two who try at once only one succeeds, and then looks
at its holder once more: somebody may have taken that job up again meanwhile. A job is claimed before its
lease is looked at, so at least one of the two sees the other.
"""

from __future__ import annotations

from edge_training import identity, ownership
from edge_training.errors import SiteBusy
from edge_training.outcomes import phase
from edge_training.ports.edge_host import ContainerSpec, ContainerState, EdgeHost

GPUS_LABEL = "gpus"
LEASE_ROLE = "gpu-lease"
HOLDER_LABEL = "job"
LOST_LEASE_GRACE_S = 1
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
    try:
        for gpu in gpus_of(state):
            await acquire_one(host, gpu, state)
    except SiteBusy:
        await give_back(host, state)
        raise


async def acquire_one(host: EdgeHost, gpu: str, state: ContainerState) -> None:
    """Lease one GPU, unless the job has it already."""
    name = identity.lease_name(gpu)
    spec = ContainerSpec(
        name=name,
        image=state.image,
        command=("true",),
        labels=identity.labels(role=LEASE_ROLE, **{HOLDER_LABEL: state.name}),
    )
    former = ""
    while not await host.create(spec):
        lease = await host.inspect(name)
        if lease is None:
            continue
        holder = holder_of(lease)
        if holder == state.name:
            return
        if not await is_stale(host, holder):
            raise busy(state, gpu, holder)
        await host.remove(lease.id)
        former = holder
    if former and not await is_stale(host, former):
        await host.remove(name)
        raise busy(state, gpu, former)


async def confirm(host: EdgeHost, state: ContainerState) -> None:
    """Make sure that a container which was just started still has its leases; it is stopped when it has not.

    Of three that come at once, one may take a lease in the moment in which the second gives it back to the
    first.

    Raises:
        SiteBusy: It was stopped, and has to wait for its GPU.
    """
    try:
        await acquire(host, state)
    except SiteBusy:
        await host.stop(state.name, LOST_LEASE_GRACE_S)
        raise


async def give_back(host: EdgeHost, state: ContainerState) -> None:
    """Free the GPUs of a job that cannot have all of them, unless it runs.

    Another watcher of the job may start it at this very moment. It confirms the leases after the start, and
    we look for the start after the leases have gone: at least one of the two sees the other.

    Raises:
        SiteBusy: It was started meanwhile, and has lost its GPU to another job.
    """
    leases = [await host.inspect(identity.lease_name(gpu)) for gpu in gpus_of(state)]
    own = [lease for lease in leases if lease is not None and holder_of(lease) == state.name]
    if not own or await running(host, state.name):
        return
    for lease in own:
        await host.remove(lease.id)
    if started := await running(host, state.name):
        await confirm(host, started)


async def running(host: EdgeHost, name: str) -> ContainerState | None:
    """The container, when it runs."""
    state = await host.inspect(name)
    return state if state is not None and state.status == "running" else None


def holder_of(lease: ContainerState) -> str:
    """The job that a lease belongs to."""
    return identity.label(lease.labels, HOLDER_LABEL)


async def is_stale(host: EdgeHost, holder: str) -> bool:
    """Whether the job that holds a lease will not use it any more; whoever watches an interrupted one starts
    it again.
    """
    state = await host.inspect(holder)
    found = await phase(host, state)
    if found in ("created", "interrupted"):
        return not await ownership.watchers(host, holder)
    return found != "running"


def busy(state: ContainerState, gpu: str, holder: str) -> SiteBusy:
    """The one sentence for a job that has to wait for its turn."""
    return SiteBusy(f"{state.name} waits for {gpu}, which {holder} uses.")
