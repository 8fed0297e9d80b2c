"""Bridges that a process keeps: another interpreter needs seconds to start and 100 MB, so everybody who
means the same registry shares its process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from edge_training.adapters.bridge.client import Bridge


@dataclass(frozen=True)
class Far:
    """A registry in another interpreter; see `Bridge` for the fields."""

    python: Path
    registry: Mapping[str, Any] = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)


_LOCK = Lock()
_KEPT: dict[str, tuple[Far, Bridge]] = {}


def shared_bridge(name: str, far: Far) -> Bridge:
    """The bridge of this name in this process.

    Where the registry is another one by now, say after a change of its password, it is a new one; the old
    bridge ends when the last of its users does.

    Args:
        name: Who shares it.
        far: Where it leads.
    """
    with _LOCK:
        known = _KEPT.get(name)
        if known is None or known[0] != far:
            known = _KEPT[name] = far, Bridge(far.python, far.registry, environment=far.environment)
        return known[1]
