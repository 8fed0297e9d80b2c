"""The drift of a report as a table of texts, the worst columns first.

It stands on nothing that only the site has, for model cards are made where models are registered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge_runner.profiles.layout import NONE
from edge_runner.profiles.verdicts import MEASURES, VERDICTS, worst

SPLIT_NAMES = {"holdout": "partition", "train": "window"}


@dataclass(frozen=True)
class DriftRow:
    """One column of the data.

    Attributes:
        verdict: The worst over the splits.
        said: The verdict for people, or why there is none.
        column: Its name.
        measures: As texts, split by split.
    """

    verdict: str
    said: str
    column: str
    measures: Sequence[str]


def drift_heads(drift: Mapping[str, Any]) -> list[str]:
    """The names of the measures, split by split."""
    return [f"{measure.upper()} {SPLIT_NAMES[split]}" for split in _splits(drift) for measure in MEASURES]


def drift_rows(drift: Mapping[str, Any]) -> list[DriftRow]:
    """The columns, those with the worst verdict and the largest index first.

    Args:
        drift: The part of a report that compares the data with the champion's.
    """
    splits = [{column["column"]: column for column in drift["splits"][split]} for split in _splits(drift)]
    names = list(dict.fromkeys(name for columns in splits for name in columns))
    found = {name: [columns[name] for columns in splits] for name in names}
    return [_row(name, found[name]) for name in sorted(names, key=lambda name: _nearness(found[name]))]


def column_verdicts(drift: Mapping[str, Any]) -> dict[str, str]:
    """The worst verdict on each column."""
    return {row.column: row.verdict for row in drift_rows(drift)}


def thresholds_text(thresholds: Mapping[str, Any]) -> str:
    """What the thresholds are, in words."""
    said = [
        f"{verdict} from {measure.upper()} {limit:g}"
        for measure in MEASURES
        for verdict, limit in thresholds.get(measure, {}).items()
    ]
    ignored = thresholds.get("ignore", [])
    said += [f"no verdict on {', '.join(ignored)}"] if ignored else []
    return "; ".join(said) or "no thresholds are set"


def _splits(drift: Mapping[str, Any]) -> list[str]:
    return [split for split in SPLIT_NAMES if split in drift["splits"]]


def _nearness(drifts: Sequence[Mapping[str, Any]]) -> tuple[int, float]:
    verdict = worst([drift["verdict"] for drift in drifts])
    return -VERDICTS.index(verdict), -max(drift["psi"] or 0 for drift in drifts)


def _row(name: str, drifts: Sequence[Mapping[str, Any]]) -> DriftRow:
    verdict, status = worst([drift["verdict"] for drift in drifts]), drifts[0]["status"]
    reason = "not judged" if status == "compared" else status
    measures = [drift[measure] for drift in drifts for measure in MEASURES]
    return DriftRow(
        verdict,
        reason if verdict == "unjudged" else verdict,
        name,
        [NONE if value is None else f"{value:.3f}" for value in measures],
    )
