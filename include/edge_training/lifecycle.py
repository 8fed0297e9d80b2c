"""The life of a job's container: created once, started, adopted, gone on with, stopped by its last watcher.

Each call looks before it acts, and each is safe against a crash before and after every step of it:

    absent ──create──> created ──payload, start──> running ──> succeeded: adopted by whoever comes
                          ^                           ^  │
                          └──── set aside, anew ──────│──┴──> failed
                                                      └───── interrupted: started again, same container

The lock is the container's name. A new try sets aside what failed or was interrupted and starts a new
container on the same volume; a try that is still watching starts the interrupted container again. Others may
do the same at any moment, so each looks once more right before it acts, and set-aside afterwards too.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from edge_runner import protocol
from edge_training import errors, identity, leases, ownership
from edge_training.jobs import EdgeJob
from edge_training.outcomes import SIGNALS, Phase, existing, phase
from edge_training.ownership import Owner
from edge_training.ports.edge_host import ContainerState, EdgeHost

STARTS_NAME = "starts.json"
STOPPED_NAME = "stopped.json"
PROOF_LASTS = timedelta(hours=1)
"""What a job has left may be evicted some days after it was last used. A run that finds an older one lets the
job look again: it costs a second when nothing has gone, and from then on this run's use counts.
"""
SECOND_GRACE_S = 5
"""Of a second container of one job, which must not be there."""


@dataclass(frozen=True)
class Starts:
    """How often a container was started, and where.

    Attributes:
        container: Its id; another container on the same volume begins anew.
        boot_ids: The VM's boot id at each start.
    """

    container: str
    boot_ids: tuple[str, ...] = ()


async def nothing() -> None:
    """What most jobs need to look at before they are started."""


async def ensure_started(
    host: EdgeHost, job: EdgeJob, owner: Owner, before_start: Callable[[], Awaitable[None]] = nothing
) -> ContainerState:
    """Bring the job's container to running or finished, without ever making a second one.

    One whose GPU another job uses stays created; `watching.watch` starts it when the GPU is free.

    The owner is recorded first: a killed try that comes late must not stop what the new one starts.

    Args:
        host: The site.
        job: The job.
        owner: Who watches the job from now on.
        before_start: Is done first when the job neither runs nor has ended well.
    """
    state, found = await _look_with_proof(host, job)
    if found not in ("running", "succeeded"):
        await before_start()
        state, found = await _look_with_proof(host, job)  # it may have taken minutes
    while state is None or found in ("failed", "interrupted"):
        if state is not None:
            await set_aside(host, state)
        await create(host, job)
        state, found = await look(host, job.name)
    await ownership.claim(host, job.name, owner)
    if found == "created":
        await host.prepare(job.container())
        await host.write_file(job.name, protocol.JOB_VOLUME_DIR, protocol.PAYLOAD_NAME, job.payload())
        if job.bundle:
            await host.unpack(job.name, protocol.JOB_VOLUME_DIR, protocol.DELIVERED_NAME, job.bundle)
        with suppress(errors.SiteBusy):  # whoever watches the job starts it when its turn has come
            await start(host, state, job.message())
        state = await existing(host, job.name)
    return state


async def look(host: EdgeHost, name: str) -> tuple[ContainerState | None, Phase]:
    """A job's container, and where in its life it is."""
    state = await host.inspect(name)
    return state, await phase(host, state)


async def _look_with_proof(host: EdgeHost, job: EdgeJob) -> tuple[ContainerState | None, Phase]:
    """As `look`; a job that has ended well and whose proof is gone or too old has failed."""
    state, found = await look(host, job.name)
    if found == "succeeded" and job.proof:
        proof = await host.read_file(job.name, job.proof)
        return state, found if _is_recent(proof, datetime.now(UTC)) else "failed"
    return state, found


def _is_recent(proof: bytes | None, now: datetime) -> bool:
    try:
        return proof is not None and now - datetime.fromisoformat(proof.decode()) < PROOF_LASTS
    except (ValueError, TypeError):
        return False  # torn by a power cut


async def create(host: EdgeHost, job: EdgeJob) -> None:
    """Create the job's container unless it is there; housekeeping may take an unused image away at the very
    moment it is wanted, but not twice.
    """
    await host.ensure_image(job.image, job.login)
    try:
        await host.create(job.container())
    except errors.ImageMissing:
        await host.ensure_image(job.image, job.login)
        await host.create(job.container())


async def start(host: EdgeHost, state: ContainerState, message: bytes = b"") -> None:
    """Lease what the container needs, write down where it is started, then start it.

    Raises:
        SiteBusy: It has to wait for its GPU.
    """
    known, boot_id = await read_starts(host, state), await host.boot_id()
    await _start(host, state, "created", known, boot_id, message)


async def _start(
    host: EdgeHost, state: ContainerState, expected: Phase, known: Starts, boot_id: str, message: bytes = b""
) -> bool:
    """Start the container unless somebody else was faster; tells whether it was us who did."""
    await leases.acquire(host, state)
    if (await look(host, state.name))[1] != expected:
        return False
    await _write(host, state.name, STARTS_NAME, asdict(Starts(state.id, (*known.boot_ids, boot_id))))
    try:
        await host.start(state.name, message)
    except errors.SiteFailing:
        await _write(host, state.name, STARTS_NAME, asdict(known))
        raise
    await leases.confirm(host, state)
    return True


async def read_starts(host: EdgeHost, state: ContainerState) -> Starts:
    """How often this very container was started; not at all, when a power cut has torn the record."""
    written = await _read(host, state.name, STARTS_NAME)
    if written is None or written["container"] != state.id:
        return Starts(state.id)
    return Starts(written["container"], tuple(written["boot_ids"]))


async def go_on(
    host: EdgeHost, state: ContainerState, most_restarts: int, message: bytes = b""
) -> str | None:
    """Start an interrupted container again, in the same try; it finds its checkpoints.

    Args:
        host: The site.
        state: The container.
        most_restarts: How often that may be done.
        message: What it is given on its standard input.

    Returns:
        The sentence that says what happened; None when somebody else has started it meanwhile.

    Raises:
        JobInterrupted: It was stopped on purpose, was interrupted too often, or needs secrets that only a
            worker has; the next try decides.
    """
    known, boot_id = await read_starts(host, state), await host.boot_id()
    reason, restarts = interruption(state, known, boot_id), max(0, len(known.boot_ids) - 1)
    if restarts >= most_restarts:
        raise errors.JobInterrupted(
            f"{state.name} was interrupted {restarts + 1} times, the last time because {reason}. The next "
            "try goes on from its last checkpoint."
        )
    if not await _start(host, state, "interrupted", known, boot_id, message):
        return None
    return f"{state.name} is started again ({restarts + 1} of at most {most_restarts}), because {reason}."


def interruption(state: ContainerState, known: Starts, boot_id: str) -> str:
    """Why a container was interrupted, as far as the site knows; a power cut may have torn its record."""
    if known.boot_ids[-1:] != (boot_id,):
        return "the VM was restarted"
    ended_by = SIGNALS.get(state.exit_code, "SIGTERM")
    return f"it was ended from outside by {ended_by}; look at the VM's and Docker's own logs for who did that"


def reads_input(state: ContainerState) -> bool:
    """Whether the container waits for secrets at each start."""
    return identity.label(state.labels, "input") == "secrets"


async def stop_sentence(host: EdgeHost, name: str) -> str:
    """Who stopped the job, as far as the site knows."""
    stopped = await _read(host, name, STOPPED_NAME)
    if stopped is None:
        return f"Nobody watches {name} any more; a next try takes it up again."
    return f"{name} was stopped for {stopped['by']}: {stopped['why']}; a next try takes it up again."


async def set_aside(host: EdgeHost, failed: ContainerState) -> None:
    """Rename a failed container to the first free name, so that it can be examined and does not block the
    next try; one that somebody has started again meanwhile gets its name back.

    By its id: under its name there may by now be the container that another try has started. Nobody starts a
    container under the new name, so what does not run then never will.
    """
    number = 1
    while await host.inspect(identity.set_aside_name(failed.name, number)) is not None:
        number += 1
    aside = identity.set_aside_name(failed.name, number)
    if not await host.rename(failed.id, aside):
        return
    state = await host.inspect(aside)
    if state is not None and state.status == "running" and not await host.rename(state.id, failed.name):
        await host.stop(aside, SECOND_GRACE_S)


async def give_up(
    host: EdgeHost,
    name: str,
    owner: Owner,
    grace_s: int,
    why: str,
    say: Callable[[str], object] = lambda _: None,
) -> bool:
    """Stop the job unless somebody else watches it; tells whether it was stopped.

    Args:
        host: The site.
        name: The job's container.
        owner: Who no longer watches it.
        grace_s: Between SIGTERM and SIGKILL.
        why: What people read about it on the site.
        say: Takes a sentence before the job is stopped.
    """
    if not await ownership.release(host, name, owner):
        return False
    await _stop_and_say(host, name, owner, grace_s, why, say)
    return True


async def stop_unwatched(
    host: EdgeHost, name: str, owner: Owner, grace_s: int, why: str, say: Callable[[str], object]
) -> None:
    """Stop a job that somebody else has given up in its owner's name and may be about to stop; one that does
    not run any more is left to those who have stopped it. For the arguments see `give_up`.
    """
    state = await host.inspect(name)
    if state is None or state.status != "running":
        say(await stop_sentence(host, name))
    else:
        await _stop_and_say(host, name, owner, grace_s, why, say)


async def _stop_and_say(
    host: EdgeHost, name: str, owner: Owner, grace_s: int, why: str, say: Callable[[str], object]
) -> None:
    say(f"{name} is stopped on the site, because {why}.")
    await stop(host, name, str(owner), grace_s, why)


async def stop(host: EdgeHost, name: str, by: str, grace_s: int, why: str) -> None:
    """Leave a mark that says who stops the job and why, if the disk takes it, then stop it."""
    with suppress(errors.DiskFull, errors.SiteNotReady):
        await _write(host, name, STOPPED_NAME, {"by": by, "why": why})
    await host.stop(name, grace_s)


async def _read(host: EdgeHost, name: str, file: str) -> dict[str, Any] | None:
    raw = await host.read_file(name, f"{protocol.JOB_VOLUME_DIR}/{file}")
    try:
        return None if raw is None else dict(json.loads(raw))
    except (ValueError, TypeError):
        return None  # torn by a power cut


async def _write(host: EdgeHost, name: str, file: str, content: dict[str, Any]) -> None:
    await host.write_file(name, protocol.JOB_VOLUME_DIR, file, protocol.canonical_json(content))
