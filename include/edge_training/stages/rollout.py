"""roll_out: prove the new image beside the old service, swap them, check health; or keep the old one."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from edge_training.errors import BadRequest, EdgeError, ImageMissing, JobInterrupted, RolloutFailed
from edge_training.identity import candidate_name, label, labels, previous_name, service_name
from edge_training.outcomes import last_lines
from edge_training.ports.edge_host import ContainerState, EdgeHost, RegistryLogin, ServiceSpec
from edge_training.stages.verify import SERVER_PORT

HEALTH_PATH = "/ping"
HEALTH_LIMIT_S = 120
HEALTH_PAUSE_S = 0.5
STOP_GRACE_S = 10
OK = 200


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
    host: EdgeHost,
    spec: ServiceSpec,
    login: RegistryLogin | None,
    health_limit_s: float = HEALTH_LIMIT_S,
    trained_by: str = "",
) -> bool:
    """Let the service run this image; what served before serves on if it does not get healthy.

    The new image first proves itself beside the old service, on a port of its own. Only then the two are
    swapped. Every step can be repeated after a crash; what a crash left aside serves again first.

    Args:
        host: The site.
        spec: The service.
        login: Who pulls its image.
        health_limit_s: How long it may take to answer, in seconds.
        trained_by: The run that can make the image again.

    Returns:
        Whether anything was changed.

    Raises:
        ImageMissing: Neither the site nor the registry has the image; nothing is changed.
        RolloutFailed: The new service did not get healthy.
        JobInterrupted: Somebody else changes the service at the same time.
    """
    if await serves(host, spec):
        await clean_up(host, spec)
        return False
    await restore(host, spec)
    await fetch_image(host, spec, login, trained_by)
    await prove_candidate(host, spec, health_limit_s)
    await swap(host, spec, health_limit_s)
    await clean_up(host, spec)
    require_own(spec, await host.inspect(spec.name))
    return True


async def require_serving(host: EdgeHost, spec: ServiceSpec, expected: str) -> None:
    """Make sure that a step back begins where whoever asked for it thinks.

    Args:
        host: The site.
        spec: The service as it is to be.
        expected: The image that should serve until then; empty when it does not matter.

    Raises:
        BadRequest: The site serves a version that never became the champion.
    """
    current = await host.inspect(spec.name)
    if not expected or current is None or current.image in (expected, spec.image):
        return
    version = label(current.labels, "version")
    raise BadRequest(
        f"{spec.name} serves version {version}, which is not the champion: its deployment has stopped "
        f"half-way; clear promote_champion in that run, or name the version that is to serve."
    )


async def fetch_image(
    host: EdgeHost, spec: ServiceSpec, login: RegistryLogin | None, trained_by: str
) -> None:
    """Pull the image unless the site has it.

    Raises:
        ImageMissing: The registry does not have it either, with the way to make it again.
    """
    try:
        await host.ensure_image(spec.image, login)
    except ImageMissing as error:
        if not trained_by:
            raise
        raise ImageMissing(
            f"{str(error).rstrip('.')}; if the registry has lost it, clear build_image and what follows in "
            f"{trained_by}, which makes it again, or deploy another version."
        ) from error


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
    except JobInterrupted:
        raise  # what is there now is somebody else's
    except EdgeError:
        await host.remove(spec.name)
        await restore(host, spec)
        raise


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
        JobInterrupted: It is not ours any more.
    """
    deadline = time.monotonic() + health_limit_s
    while True:
        current = require_own(spec, await host.inspect(state.name))
        if current.status != "running":
            break
        if await answers(host, current):
            require_own(spec, await host.inspect(state.name))  # the port may be another's by now
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


def require_own(spec: ServiceSpec, found: ContainerState | None) -> ContainerState:
    """A service that still runs the image it was started with; another roll-out uses the same names.

    Raises:
        JobInterrupted: It does not, or is gone.
    """
    if found is None or found.image != spec.image:
        raise JobInterrupted(
            f"{spec.name} does not run {spec.image} any more: somebody else changes the service at the same "
            "time; the next try begins anew."
        )
    return found


async def answers(host: EdgeHost, state: ContainerState) -> bool:
    """Whether the service's health check succeeds."""
    return (
        state.status == "running"
        and state.host_port is not None
        and await host.http_status(state.host_port, HEALTH_PATH) == OK
    )
