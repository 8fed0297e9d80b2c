"""The files that a check of the data lets out of the site: two reports and a profile, aggregates all of them.

report.json     what the rules and the comparison with the champion's data came to
report.html     the same for people
profile.json    what the data of later runs is compared with once a model trained on this one is champion
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, Final

from edge_runner.listing import PAGE_NAME, PROFILE_NAME, REPORT_NAME
from edge_training.errors import ExportRefused

NAMES: Final = (PAGE_NAME, PROFILE_NAME, REPORT_NAME)
MAX_SIZE_BYTES: Final = 5 * 2**20
"""All of them together; those of the 19 columns of flights have 60 kB (measured)."""
VERSION: Final = 1
"""Of both JSON files."""
FIELDS: Final[Mapping[str, frozenset[str]]] = {
    REPORT_NAME: frozenset(
        {
            "version",
            "verdict",
            "rejection",
            "model",
            "partition",
            "data_digest",
            "files",
            "contract",
            "rows",
            "rules",
            "drift",
            "k",
            "suppressed",
        }
    ),
    PROFILE_NAME: frozenset({"version", "k", "model", "partition", "data_digest", "splits"}),
}
"""What may stand at their top; anything else would be something nobody has agreed to let out."""


def require_known(name: str, content: bytes) -> None:
    """Hold a JSON file that has arrived against what may leave.

    Raises:
        ExportRefused: It is of another version, or holds more than was agreed.
    """
    if name not in FIELDS:
        return
    document = read_document(content)
    if document is None:
        raise ExportRefused(
            f"{name} is no document of version {VERSION}; use the same release on the site and on the worker."
        )
    if unknown := sorted(document.keys() - FIELDS[name]):
        raise ExportRefused(
            f"{name} holds {', '.join(unknown)}, which may not leave the site; use the same release on the "
            "site and on the worker."
        )


def read_document(content: bytes) -> dict[str, Any] | None:
    """A report or profile of the version we know; None for anything else."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    is_known = isinstance(document, dict) and document.get("version") == VERSION
    return document if is_known else None


def metrics_of(found: Mapping[str, Any], ignore: Collection[str]) -> dict[str, float]:
    """What people compare from day to day.

    Args:
        found: The check's value, or the details of its refusal, which may lack any of it.
        ignore: Columns whose drift says nothing.
    """
    figures = {name: found[name] for name in ("rows", "partition_rows") if name in found}
    if "rules" in found:
        outcomes = [rule["outcome"] for rule in found["rules"]]
        figures |= {f"rules_{outcome}": outcomes.count(outcome) for outcome in ("failed", "warned")}
    figures |= {f"worst_{measure}": value for measure, (_, value) in worst_drift(found, ignore).items()}
    return {name: float(value) for name, value in figures.items()}


def worst_drift(found: Mapping[str, Any], ignore: Collection[str]) -> dict[str, tuple[str, float]]:
    """The column that has moved most and how far, by measure; nothing where nothing was compared.

    Args:
        found: As for `metrics_of`.
        ignore: Columns whose drift says nothing.
    """
    moved = {column: drift for column, drift in found.get("drift", {}).items() if column not in ignore}
    worst: dict[str, tuple[str, float]] = {}
    for measure in ("psi", "js"):
        values = [(drift[measure], column) for column, drift in moved.items() if drift[measure] is not None]
        if values:
            value, column = max(values)
            worst[measure] = column, value
    return worst
