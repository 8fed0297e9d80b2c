"""deploy: decide, roll out, check health, promote, or keep what served before."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import datetime
from typing import Literal, cast, get_args

from edge_training import deployments
from edge_training.errors import BadRequest, EdgeError, JobInterrupted, ModelRegistryRefused, RolloutFailed
from edge_training.identity import candidate_name, labels, previous_name, service_name
from edge_training.outcomes import last_lines
from edge_training.ports.edge_host import ContainerState, EdgeHost, RegistryLogin, ServiceSpec
from edge_training.ports.model_registry import STATE_REGISTERED, STATE_TAG, ModelRegistry, ModelVersion
from edge_training.stages.verify import SERVER_PORT

Policy = Literal["newer", "always", "never"]
HEALTH_PATH = "/ping"
HEALTH_LIMIT_S = 120
HEALTH_PAUSE_S = 0.5
STOP_GRACE_S = 10
OK = 200


def policy_of(requested: str, is_backfill: bool) -> Policy:
    """What a run's `deploy` parameter means: by itself, a backfill deploys nothing, any other run what is
    newer.

    Raises:
        BadRequest: There is no such policy.
    """
    if requested == "auto":
        return "never" if is_backfill else "newer"
    for policy in get_args(Policy):
        if policy == requested:
            return cast("Policy", policy)
    raise BadRequest(f"deploy={requested!r} is no policy; use auto, {', '.join(get_args(Policy))}.")


def reason_to_skip(policy: str, partition: str, champion: ModelVersion | None) -> str | None:
    """Why a version is not rolled out, or None when it is.

    Args:
        policy: `newer`, `always` or `never`.
        partition: The version's partition.
        champion: What serves now.
    """
    if policy == "never":
        return "The training run asked for no deployment; train with deploy=newer or deploy=always."
    if policy == "newer" and champion is not None and partition < champion.tags.get("partition", ""):
        return (
            f"The champion, version {champion.version}, was trained for the newer partition "
            f"{champion.tags['partition']}; train with deploy=always to go back."
        )
    return None


def service(model_name: str, version: str, image: str, host_port: int) -> ServiceSpec:
    """The service of a model version."""
    return ServiceSpec(
        name=service_name(model_name),
        image=image,
        container_port=SERVER_PORT,
        host_port=host_port,
        labels=labels(role="service", model=model_name, version=version),
    )


async def roll_out(
    host: EdgeHost, spec: ServiceSpec, login: RegistryLogin | None, health_limit_s: float = HEALTH_LIMIT_S
) -> bool:
    """Let the service run this image; what served before serves on if it does not get healthy.

    The new image first proves itself beside the old service, on a port of its own. Only then the two are
    swapped. Every step can be repeated after a crash; what a crash left aside serves again first.

    Returns:
        Whether anything was changed.

    Raises:
        RolloutFailed: The new service did not get healthy.
    """
    if await serves(host, spec):
        await clean_up(host, spec)
        return False
    await restore(host, spec)
    await host.ensure_image(spec.image, login)
    await prove_candidate(host, spec, health_limit_s)
    await swap(host, spec, health_limit_s)
    await clean_up(host, spec)
    return True


async def serves(host: EdgeHost, spec: ServiceSpec) -> bool:
    """Whether this image already answers on this port."""
    current = await host.inspect(spec.name)
    return (
        current is not None
        and current.image == spec.image
        and current.host_port == spec.host_port
        and await answers(host, current)
    )


async def restore(host: EdgeHost, spec: ServiceSpec) -> None:
    """Let what served before serve again, however far a swap had come."""
    previous = previous_name(spec.name)
    if await host.inspect(previous) is not None:
        await host.remove(spec.name)
        await rename(host, previous, spec.name)
    if await host.inspect(spec.name) is not None:
        await host.run_service(spec)


async def rename(host: EdgeHost, name: str, new_name: str) -> None:
    """Give a service another name.

    Raises:
        JobInterrupted: Somebody else has taken the name, or the service, away.
    """
    if not await host.rename(name, new_name):
        raise JobInterrupted(
            f"{name} cannot be renamed to {new_name}: somebody else changes the service at the same time; "
            "the next try begins anew."
        )


async def prove_candidate(host: EdgeHost, spec: ServiceSpec, health_limit_s: float) -> None:
    """Start the new image beside the old service and wait until it is healthy; it is gone afterwards."""
    candidate = replace(spec, name=candidate_name(spec.name), host_port=0)
    await host.remove(candidate.name)
    state = await host.run_service(candidate)
    try:
        await require_health(host, state, spec, health_limit_s)
    finally:
        await host.remove(candidate.name)


async def swap(host: EdgeHost, spec: ServiceSpec, health_limit_s: float) -> None:
    """Put the new service in the old one's place, or the old one back when the new one does not serve, be it
    unhealthy or kept from starting by the engine (say, its port is taken).
    """
    if await host.inspect(spec.name) is not None:
        await host.stop(spec.name, STOP_GRACE_S)
        await rename(host, spec.name, previous_name(spec.name))
    try:
        state = await host.run_service(spec)
        await require_health(host, state, spec, health_limit_s)
    except EdgeError:
        await host.remove(spec.name)
        await restore(host, spec)
        raise


def promote(
    registry: ModelRegistry, model_name: str, version: str, place: deployments.Place, now: datetime
) -> None:
    """Make the version that serves the champion, and write to both versions where they serve since when, or
    until when. That is written first: whoever serves is decided by the roll-out, and a crash before the end
    is repaired by the next try.

    Args:
        registry: Where the versions are.
        model_name: The model's name.
        version: Its version.
        place: Where it serves.
        now: The time.

    Raises:
        ModelRegistryRefused: The registry no longer has the version, or it was rejected.
    """
    found = registry.get(model_name, version)
    if found is None:
        raise ModelRegistryRefused(
            f"The model registry has no version {version} of {model_name} any more; train the partition "
            "again."
        )
    if found.tags.get(STATE_TAG) != STATE_REGISTERED:
        raise ModelRegistryRefused(
            f"Version {version} of {model_name} is {found.tags.get(STATE_TAG, 'unfinished')} and may not be "
            "the champion; deploy another one, or train the partition again with gates that it passes."
        )
    before = registry.champion(model_name)
    if before is not None and before.version != version:
        registry.set_tags(before, deployments.ended(before.tags, now))
    registry.set_tags(found, deployments.begun(found.tags, place, now))
    registry.promote(found)


async def clean_up(host: EdgeHost, spec: ServiceSpec) -> None:
    """Remove what a roll-out, or a crash in the middle of one, leaves."""
    await host.remove(candidate_name(spec.name))
    await host.remove(previous_name(spec.name))


async def require_health(
    host: EdgeHost, state: ContainerState, spec: ServiceSpec, health_limit_s: float
) -> None:
    """Wait until the service answers.

    Raises:
        RolloutFailed: It ended or did not answer in time.
    """
    deadline = time.monotonic() + health_limit_s
    while True:
        current = await host.inspect(state.name)
        if current is None or current.status != "running":
            break
        if await answers(host, current):
            return
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            break
        await asyncio.sleep(min(HEALTH_PAUSE_S, left_s))
    lines = "\n".join(await last_lines(host, state.name))
    raise RolloutFailed(
        f"{spec.image} did not answer {HEALTH_PATH} within {health_limit_s:g} s, so what served before "
        f"serves on; its last lines were:\n{lines}"
    )


async def answers(host: EdgeHost, state: ContainerState) -> bool:
    """Whether the service's health check succeeds."""
    return (
        state.status == "running"
        and state.host_port is not None
        and await host.http_status(state.host_port, HEALTH_PATH) == OK
    )
