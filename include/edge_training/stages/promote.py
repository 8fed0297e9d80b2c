"""promote_champion: the version that serves becomes the champion; it and the one before say since when and
why.
"""

from __future__ import annotations

from datetime import datetime

from edge_training.deployments import Change, Place, begun, ended, last_period, line
from edge_training.errors import JobInterrupted
from edge_training.ports.model_registry import ModelRegistry, ModelVersion
from edge_training.stages.decide import current


def promote(registry: ModelRegistry, model_name: str, place: Place, now: datetime, change: Change) -> None:
    """Make the version that serves the champion.

    The versions are written to first, the new one before the others; the champion moves last, in one call.
    Whoever serves is decided by the roll-out, so a crash before the end is repaired by the next try; whoever
    asks for the version before meanwhile is told so (`decide.by_hand`). A version that an earlier crash left
    half promoted ends, too.

    Args:
        registry: Where the versions are.
        model_name: The model's name.
        place: Where the version serves.
        now: The time.
        change: Which version, and why.

    Raises:
        ModelRegistryRefused: The registry no longer has the version, or it may not serve.
        BadRequest: Another one was asked for later; nothing is changed.
        JobInterrupted: Another one became the champion at the same time.
    """
    version = current(registry, model_name, change.version, change.request)
    write_history(registry, model_name, place, now, change)
    move_champion(registry, version)


def write_history(
    registry: ModelRegistry, model_name: str, place: Place, now: datetime, change: Change
) -> None:
    """Let a version begin to serve, and all others end.

    Raises:
        JobInterrupted: Another one has begun since this change.
    """
    versions = registry.search(model_name)
    goes_on = line(versions)[-1:] == [change.version]
    for found in sorted(versions, key=lambda found: found.version != change.version):
        last = last_period(found)
        if found.version == change.version:
            registry.set_tags(found, begun(found.tags, place, now, change, goes_on))
        elif last is not None and not last.until:
            _end(registry, found, now, change)


def _end(registry: ModelRegistry, version: ModelVersion, now: datetime, change: Change) -> None:
    """Let a version end, by what it says at this moment."""
    found = registry.get(version.name, version.version)
    last = None if found is None else last_period(found)
    if found is None or last is None or last.until:
        return
    if datetime.fromisoformat(last.since) > now:
        raise _overtaken(found)
    registry.set_tags(found, ended(found.tags, now, change))


def move_champion(registry: ModelRegistry, version: ModelVersion) -> None:
    """Move the champion to a version, and on to the one that the history names last, until both agree: a
    worker that was thought dead, and comes here late, takes nothing back.

    Raises:
        JobInterrupted: It is another version in the end.
    """
    present = version
    while True:
        registry.promote(present)
        known = {found.version: found for found in registry.search(version.name)}
        last = line(known.values())[-1:] or [present.version]
        if last == [present.version]:
            break
        present = known[last[0]]
    if present.version != version.version:
        raise _overtaken(present)


def _overtaken(version: ModelVersion) -> JobInterrupted:
    last = last_period(version)
    return JobInterrupted(
        f"Version {version.version} of {version.name} became the champion at the same time, by "
        f"{last.began.by_whom if last else 'another run'}; the next try looks whether this one is wanted."
    )
