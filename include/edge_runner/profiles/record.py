"""What a validation leaves behind: `report.json`, `report.html` and `profile.json` in the job's directory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_runner.contracts.document import column_name, parse_document
from edge_runner.listing import PAGE_NAME, PROFILE_NAME, REPORT_NAME, listing_of
from edge_runner.profiles.drift import ColumnDrift
from edge_runner.profiles.drift_table import SPLIT_NAMES
from edge_runner.profiles.measure import Measured
from edge_runner.profiles.page import page
from edge_runner.profiles.report import (
    NO_REFERENCE,
    Findings,
    Subject,
    compare_splits,
    make_profile,
    make_report,
    worst_drift,
)
from edge_runner.profiles.verdicts import MEASURES
from edge_runner.protocol import StepError, canonical_json, write_atomically
from edge_runner.sentences import first_clauses


def classifications(contract: str) -> dict[str, str | None]:
    """The columns of a contract that compiles, each with its classification in small letters, or None."""
    _, table = parse_document(contract)
    return {
        column_name(column): column.classification and column.classification.strip().lower()
        for column in table.properties or []
    }


def compare_with_champion(
    request: Mapping[str, Any], columns: Mapping[str, Sequence[Measured]]
) -> tuple[dict[str, list[ColumnDrift]], str | None]:
    """Compare each split with the request's `reference_profile` by its `drift` thresholds.

    Where there is no profile, `reference_lack` says why.

    Returns:
        Drift per split, and why there is none.
    """
    lack = request.get("reference_lack") or NO_REFERENCE
    drift, note = compare_splits(columns, request.get("reference_profile"), request.get("drift") or {}, lack)
    print(f"drift: not compared, {note}" if note else _summary(drift), flush=True)
    return drift, note


def require_near(partition: str, drift: Mapping[str, Sequence[ColumnDrift]], report: dict[str, Any]) -> None:
    """Refuse data of which a column has moved past a threshold that stops.

    Raises:
        StepError: kind `DataRejected`, naming the first columns, with the report as details.
    """
    moved = _clauses(drift, "stop")
    if moved:
        raise StepError(
            "DataRejected",
            f"The data of partition {partition} and its window have moved too far from what the champion was "
            f"trained on: {first_clauses(moved)}; look at {PAGE_NAME}, then deliver "
            "corrected data or change the thresholds of drift.",
            report,
        )


def write_record(
    request: Mapping[str, Any], contract_digest: str, findings: Findings, folder: Path
) -> dict[str, Any]:
    """Write the three files.

    Args:
        request: The step's request; `model` and `data_digest` may be missing.
        contract_digest: SHA-256 of the contract's text.
        findings: What was found out.
        folder: The job's own directory.

    Returns:
        `drift`: the worst of each column over the splits; `report`: the listing of the files, see
        `edge_runner.listing`.
    """
    document, _ = parse_document(request["contract"])
    subject = Subject(
        model=request.get("model"),
        partition=request["partition"],
        data_digest=request.get("data_digest"),
        contract={"name": document.name, "version": document.version, "digest": contract_digest},
    )
    profile = make_profile(subject, findings.columns)
    report = make_report(subject, findings, profile, request.get("drift") or {})
    reference = request.get("reference_profile") if findings.drift else None
    contents = {
        REPORT_NAME: canonical_json(report),
        PAGE_NAME: page(report, profile, reference).encode(),
        PROFILE_NAME: canonical_json(profile),
    }
    for name, content in contents.items():
        write_atomically(folder / name, content)
    return {
        "drift": worst_drift(findings.drift),
        "report": listing_of(contents),
    }


def _summary(drift: Mapping[str, Sequence[ColumnDrift]]) -> str:
    """How many columns were compared, and a line for each that is warned of."""
    columns = worst_drift(drift)
    compared = sum(one["status"] == "compared" for one in columns.values())
    warnings = [f"warning: {clause}" for clause in _clauses(drift, "warn")]
    return "\n".join([f"drift: {compared} of {len(columns)} columns compared", *warnings])


def _clauses(drift: Mapping[str, Sequence[ColumnDrift]], verdict: str) -> list[str]:
    """For each column with a verdict, in which split it has moved and how far."""
    return [
        f"column {one.column} of the {SPLIT_NAMES[split]} has "
        + " and ".join(f"{measure.upper()} {getattr(one, measure):.3g}" for measure in MEASURES)
        for split in SPLIT_NAMES
        for one in drift.get(split, ())
        if one.verdict == verdict
    ]
