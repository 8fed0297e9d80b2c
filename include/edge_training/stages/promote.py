"""promote_champion: the version that serves becomes the champion; it and the one before say since when and
why.
"""

from __future__ import annotations

from datetime import datetime

from edge_training.deployments import Change, Place, begun, ended, last_period, line
from edge_training.ports.model_registry import ModelRegistry
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
    """
    version = current(registry, model_name, change.version, change.request)
    versions = registry.search(model_name)
    goes_on = line(versions)[-1:] == [version.version]
    registry.set_tags(version, begun(version.tags, place, now, change, goes_on))
    for other in versions:
        last = last_period(other)
        if other.version != version.version and last is not None and not last.until:
            registry.set_tags(other, ended(other.tags, now, change))
    registry.promote(version)
