"""Which tags of a version were written together.

MLflow writes the tags of a version one by one. Where two writers finish one version at the same time, or one
of them changes its verdict and dies, the tags of both may stand there, beside the state of either. So the tag
`sealed` names the tags of a registration and has a sum over them and the state: a version that does not agree
with its seal is unfinished, whatever its state says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from edge_runner.protocol import canonical_json
from edge_training.ports.model_registry import STATE_TAG

SEAL_TAG: Final = "sealed"


def seal(tags: Mapping[str, str], state: str) -> dict[str, str]:
    """The tag that is written between a registration's other tags and its state.

    Args:
        tags: All tags of the registration; those that are added to the version later are nobody's concern.
        state: The state that it is to have.
    """
    told = {"tags": sorted(tags), "sha256": _sum({**tags, STATE_TAG: state})}
    return {SEAL_TAG: canonical_json(told).decode()}


def unsealed(tags: Mapping[str, str]) -> dict[str, str]:
    """A version's tags without the seal, and without the state unless all that it seals is there.

    Versions without a seal are of releases that wrote none; their state counts.
    """
    told = {name: value for name, value in tags.items() if name != SEAL_TAG}
    if SEAL_TAG in tags and not _holds(tags):
        told.pop(STATE_TAG, None)
    return told


def _holds(tags: Mapping[str, str]) -> bool:
    try:
        told = json.loads(tags[SEAL_TAG])
        return bool(told["sha256"] == _sum({name: tags.get(name) for name in [*told["tags"], STATE_TAG]}))
    except (ValueError, TypeError, KeyError):
        return False  # somebody has written to it by hand


def _sum(tags: Mapping[str, str | None]) -> str:
    return sha256(canonical_json(dict(tags))).hexdigest()
