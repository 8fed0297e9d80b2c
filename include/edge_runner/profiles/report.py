"""The report of one validation: a document for machines, from which the page for people is drawn.

Everything in it is an aggregate that may leave: outcomes of the contract's rules, profiles, drift.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from operator import itemgetter
from typing import Any

from edge_runner.profiles.disclosure import K
from edge_runner.profiles.drift import ColumnDrift, compare
from edge_runner.profiles.measure import Measured
from edge_runner.profiles.profile import PROFILE_VERSION, protected
from edge_runner.profiles.verdicts import worst

REPORT_VERSION = 1
NO_REFERENCE = "there is no profile to compare with"


@dataclass(frozen=True)
class Subject:
    """What was checked.

    Attributes:
        model: The model that the data are for.
        partition: The partition's key.
        data_digest: The manifest's digest.
        contract: Its `name`, `version` and `digest`.
    """

    model: str | None
    partition: str
    data_digest: str | None
    contract: Mapping[str, str | None]


@dataclass
class Findings:
    """What was found out before the verdict, filled as the step goes on; empty as far as it did not come.

    Attributes:
        files: Number of files per split.
        rules: Outcomes of the contract's rules, as they stand in the step's value.
        columns: What was measured, per split.
        drift: How far each split's columns are from the reference.
        note: Why there is no comparison.
        rejection: The sentence that refuses the data.
    """

    files: Mapping[str, int] = field(default_factory=dict)
    rules: Sequence[Mapping[str, Any]] = ()
    columns: Mapping[str, Sequence[Measured]] = field(default_factory=dict)
    drift: Mapping[str, Sequence[ColumnDrift]] = field(default_factory=dict)
    note: str | None = "the data could not be measured"
    rejection: str | None = None


def make_profile(subject: Subject, columns: Mapping[str, Sequence[Measured]]) -> dict[str, Any]:
    """The profiles of all splits, as `profile.json` and as a later run's reference."""
    return {
        "version": PROFILE_VERSION,
        "k": K,
        "model": subject.model,
        "partition": subject.partition,
        "data_digest": subject.data_digest,
        "splits": {split: protected(_rows(measured), measured) for split, measured in columns.items()},
    }


def compare_splits(
    columns: Mapping[str, Sequence[Measured]],
    reference: object,
    thresholds: Mapping[str, Any],
    lack: str = NO_REFERENCE,
) -> tuple[dict[str, list[ColumnDrift]], str | None]:
    """Compare each split with the training split of a reference profile.

    Args:
        columns: What was measured, per split.
        reference: The profile; None where there is none.
        thresholds: As `drift.compare` takes them.
        lack: Why there is no profile.

    Returns:
        Drift per split, and why there is none.
    """
    if reference is None:
        return {}, lack
    version = reference.get("version") if isinstance(reference, Mapping) else None
    if not isinstance(reference, Mapping) or version != PROFILE_VERSION:
        return {}, f"the champion's profile has version {version}, expected {PROFILE_VERSION}"
    try:
        itemgetter("partition", "data_digest")(reference)  # the page names them
        window = reference["splits"]["train"]
        return {name: compare(measured, window, thresholds) for name, measured in columns.items()}, None
    except (AttributeError, KeyError, TypeError, ValueError, StopIteration):
        return {}, "the champion's profile is damaged"


def make_report(
    subject: Subject, findings: Findings, profile: Mapping[str, Any], thresholds: Mapping[str, Any]
) -> dict[str, Any]:
    """The whole report as JSON."""
    return {
        "version": REPORT_VERSION,
        "verdict": _verdict(findings),
        "rejection": findings.rejection,
        **asdict(subject),
        "files": dict(findings.files),
        "rows": {split: _rows(measured) for split, measured in findings.columns.items()},
        "rules": list(findings.rules),
        "drift": {
            "note": findings.note,
            "thresholds": dict(thresholds),
            "splits": {
                split: [asdict(drift) for drift in drifts] for split, drifts in findings.drift.items()
            },
        },
        "k": K,
        "suppressed": [
            {"split": split, "column": column["name"], "reason": column["suppressed"]}
            for split, told in profile["splits"].items()
            for column in told["columns"]
            if "suppressed" in column
        ],
    }


def worst_drift(drift: Mapping[str, Sequence[ColumnDrift]]) -> dict[str, dict[str, Any]]:
    """The worst of each column over the splits: status, measures and verdict."""
    by_column: dict[str, list[ColumnDrift]] = {}
    for drifts in drift.values():
        for one in drifts:
            by_column.setdefault(one.column, []).append(one)
    return {
        name: {
            "status": found[0].status,
            "psi": max((one.psi for one in found if one.psi is not None), default=None),
            "js": max((one.js for one in found if one.js is not None), default=None),
            "verdict": worst([one.verdict for one in found]),
        }
        for name, found in by_column.items()
    }


def _verdict(findings: Findings) -> str:
    """`rejected`, `warned` or `passed`."""
    if findings.rejection is not None:
        return "rejected"
    warned = any(rule["outcome"] == "warned" for rule in findings.rules)
    drifted = any(one.verdict in ("warn", "stop") for drifts in findings.drift.values() for one in drifts)
    return "warned" if warned or drifted else "passed"


def _rows(measured: Sequence[Measured]) -> int:
    return measured[0].rows if measured else 0
