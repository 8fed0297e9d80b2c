"""Before a job that takes hours: does the site have what it needs? One report of all that is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from edge_training.errors import DiskFull, ImageMissing, SiteNotReady
from edge_training.ports.edge_host import EdgeHost, Limits, RegistryLogin
from edge_training.ports.site_facts import SiteFacts

OLDEST_DOCKER = "20.10"
DEFAULT_FREE_DISK_BYTES = 5 * 2**30
CLOCK_SKEW_LIMIT_S = 300.0
"""How far the VM's clock may be off; signatures for the blob store carry times."""
UNITS = ("B", "KiB", "MiB", "GiB")


@dataclass(frozen=True)
class SiteNeeds:
    """What a job needs of its site.

    Attributes:
        limits: What its container may use; the VM must have it, and be able to hold the job to it.
        free_disk_bytes: What must be free where Docker keeps its volumes.
    """

    limits: Limits
    free_disk_bytes: int = DEFAULT_FREE_DISK_BYTES


async def ensure_ready(
    host: EdgeHost, site: str, needs: SiteNeeds, image: str, login: RegistryLogin | None
) -> None:
    """Make sure that a site has what a job needs, its image included, which is pulled here.

    Raises:
        SiteNotReady: It lacks something; the report names all of it.
        RegistryUnavailable: The image is not there and its registry is out of reach; try again.
    """
    facts = await host.facts()
    missing = shortfalls(needs, facts)
    try:
        await host.ensure_image(image, login)
    except (ImageMissing, DiskFull, SiteNotReady) as error:
        missing.append(str(error))
    if missing:
        raise SiteNotReady(report(site, missing), {"missing": missing, "facts": jsonable(facts)})


def shortfalls(needs: SiteNeeds, facts: SiteFacts) -> list[str]:
    """One sentence for each thing that the site lacks."""
    return [
        *docker_shortfalls(facts),
        *machine_shortfalls(needs, facts),
        *disk_shortfalls(needs, facts),
    ]


def docker_shortfalls(facts: SiteFacts) -> Iterator[str]:
    """What is wrong with the engine."""
    if version_numbers(facts.docker_version) < version_numbers(OLDEST_DOCKER):
        yield f"Docker is {facts.docker_version}, at least {OLDEST_DOCKER} is needed: update it."
    for limit in sorted(facts.unlimited):
        yield (
            f"Docker cannot limit {limit} on this kernel: enable its control group on the VM "
            "(see the warnings of `docker info`) and reboot."
        )


def machine_shortfalls(needs: SiteNeeds, facts: SiteFacts) -> Iterator[str]:
    """What is wrong with the VM."""
    limits = needs.limits
    if facts.memory_bytes < limits.memory_bytes:
        yield (
            f"The VM has {size(facts.memory_bytes)} of memory, the job asks for {size(limits.memory_bytes)}: "
            "lower its memory limit or give the VM more."
        )
    if facts.cpus < limits.cpus:
        yield (
            f"The VM has {facts.cpus} CPUs, the job asks for {limits.cpus:g}: lower its CPU limit or give "
            "the VM more."
        )
    if absent := sorted(set(limits.gpu_ids) - facts.gpu_ids):
        yield (
            f"The VM has no {', '.join(absent)} (it has {', '.join(sorted(facts.gpu_ids)) or 'none'}): "
            "correct gpu_ids or install NVIDIA's driver on the VM."
        )
    if abs(facts.clock_skew_s) > CLOCK_SKEW_LIMIT_S:
        direction = "ahead of" if facts.clock_skew_s > 0 else "behind"
        yield (
            f"The VM's clock is {abs(facts.clock_skew_s):.0f} s {direction} ours, "
            f"{CLOCK_SKEW_LIMIT_S:.0f} s are allowed: switch on its time synchronisation "
            "(`timedatectl set-ntp true`), or ours."
        )


def disk_shortfalls(needs: SiteNeeds, facts: SiteFacts) -> Iterator[str]:
    """What is wrong with the disk."""
    if facts.read_only:
        yield f"The disk at {facts.data_root} is read-only: repair it and mount it writable again."
    elif facts.free_bytes < needs.free_disk_bytes:
        lacking = size(needs.free_disk_bytes - facts.free_bytes)
        yield (
            f"The disk at {facts.data_root} has {size(facts.free_bytes)} free of the "
            f"{size(needs.free_disk_bytes)} wanted: free {lacking}, run `maintain_site`, or lower "
            "min_free_disk_bytes."
        )


def report(site: str, missing: list[str]) -> str:
    """All that is missing in one message."""
    count = "one thing is" if len(missing) == 1 else f"{len(missing)} things are"
    return f"The site {site} is not ready, {count} missing. {' '.join(missing)}"


def version_numbers(version: str) -> tuple[int, ...]:
    """The numbers that a version begins with: (20, 10, 24) of `20.10.24+dfsg1`."""
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(number) for number in found.group().split(".")) if found else ()


def size(size_bytes: int) -> str:
    """A size as people read it."""
    amount, unit = float(size_bytes), 0
    while amount >= 1024 and unit < len(UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{amount:.0f} {UNITS[unit]}" if amount == int(amount) else f"{amount:.1f} {UNITS[unit]}"


def jsonable(facts: SiteFacts) -> dict[str, object]:
    """Facts as JSON takes them."""
    return {
        name: sorted(value) if isinstance(value, frozenset) else value
        for name, value in asdict(facts).items()
    }
