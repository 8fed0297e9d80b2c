"""Gates: what the holdout's metrics must keep, by themselves or beside the champion's, as a whole or in every
group of a slice.

A gate is `{"metric", <bound>: limit}`, and with a slice `"slice": column, "min_rows"` as well. Its verdict is
`{"metric", "bound", "limit", "value", "passed"}`; beside the champion `champion_version` and `champion_value`
as well, and with a slice `slice`, `min_rows`, `groups` (how many were judged) and the worst of them: `group`,
`rows` and its `value`, all None where it may not be told. A `note` says what is special.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_runner.metrics import last_values
from edge_runner.profiles.disclosure import K
from edge_runner.slices import Groups, Slices, read_slices, table, told

BOUNDS = ("at_most", "at_least", "above_champion_by", "below_champion_by")
RELATIVE = ("above_champion_by", "below_champion_by")
CHAMPION_INPUT = "champion"
"""The champion's evaluation among an evaluation's inputs."""
NOT_REPORTED = "the evaluation script reported no group"
NOT_TOLD = "the group may not be told"


@dataclass(frozen=True)
class Measured:
    """What an evaluation script measured.

    Attributes:
        metrics: On the whole holdout.
        slices: In groups of it.
    """

    metrics: Mapping[str, float]
    slices: Slices

    @classmethod
    def read(cls, path: Path) -> Measured:
        """From a metrics file.

        Raises:
            StepError: kind `EvaluationFailed`, for a slice that cannot be understood.
        """
        return cls(last_values(path), read_slices(path))


@dataclass(frozen=True)
class Champion:
    """With what a model is compared.

    Attributes:
        version: The champion's; empty when there is none, None when it is the model itself or unknown.
        note: Why nothing is compared; empty when `measured` is there.
        measured: What the same script measured of it on the same holdout.
    """

    version: str | None
    note: str
    measured: Measured | None


NOBODY = Champion(None, "nobody was asked for", None)


@dataclass(frozen=True)
class Case:
    """One value to hold against a bound; None where it was not measured."""

    value: float | None
    champion: float | None
    group: str = ""

    def excess(self, bound: str, limit: float) -> float:
        """How far it is beyond the limit: up to 0 is allowed, infinity is what was not measured."""
        if self.value is None or (bound in RELATIVE and self.champion is None):
            return math.inf
        champion = self.champion or 0.0
        return {
            "at_most": self.value - limit,
            "at_least": limit - self.value,
            "above_champion_by": self.value - champion - limit,
            "below_champion_by": champion - self.value - limit,
        }[bound]


def judge(
    gates: Sequence[Mapping[str, Any]],
    model: Measured,
    champion: Champion = NOBODY,
    classifications: Mapping[str, str | None] | None = None,
) -> list[dict[str, Any]]:
    """Hold each gate against what was measured; what was not fails its gate.

    Args:
        gates: See the module.
        model: What was measured of the model.
        champion: What it is compared with.
        classifications: The contract's columns, each with who may see it.
    """
    return [_verdict(gate, model, champion, classifications or {}) for gate in gates]


def _verdict(
    gate: Mapping[str, Any],
    model: Measured,
    champion: Champion,
    classifications: Mapping[str, str | None],
) -> dict[str, Any]:
    metric, bound = gate["metric"], bound_of(gate)
    verdict = {"metric": metric, "bound": bound, "limit": float(gate[bound]), "value": None, "passed": True}
    if "slice" in gate:
        verdict |= {"slice": gate["slice"], "min_rows": gate["min_rows"]}
    if bound in RELATIVE:
        verdict |= {"champion_version": champion.version, "champion_value": None}
        if champion.measured is None:
            return verdict | {"value": model.metrics.get(metric), "note": champion.note}
    rival = champion.measured or Measured({}, {})
    if "slice" not in gate:
        return verdict | _found(verdict, Case(model.metrics.get(metric), rival.metrics.get(metric)))
    of = (metric, gate["slice"])
    groups = model.slices.get(of, {})
    return verdict | _worst(verdict, groups, rival.slices.get(of, {}), classifications.get(gate["slice"]))


def bound_of(gate: Mapping[str, Any]) -> str:
    """The one bound that a gate has."""
    return next(name for name in BOUNDS if name in gate)


def _found(verdict: Mapping[str, Any], case: Case) -> dict[str, Any]:
    """What a verdict says of one value."""
    found = {"value": case.value, "passed": case.excess(verdict["bound"], verdict["limit"]) <= 0}
    return found | ({"champion_value": case.champion} if verdict["bound"] in RELATIVE else {})


def _worst(
    verdict: Mapping[str, Any], groups: Groups, rivals: Groups, classification: str | None
) -> dict[str, Any]:
    """What a verdict says of the worst of all groups that count."""
    cases = list(_cases(groups, rivals, max(verdict["min_rows"], K)))
    nothing = {"groups": len(cases), "group": None, "rows": None}
    if not cases:
        note = f"no group has {verdict['min_rows']} rows" if groups else NOT_REPORTED
        return nothing | {"passed": bool(groups), "note": note}
    worst = max(cases, key=lambda case: (case.excess(verdict["bound"], verdict["limit"]), case.group))
    found = _found(verdict, worst)
    shown = told(groups, classification)
    if worst.group not in shown:
        return nothing | {"passed": found["passed"]} | ({} if found["passed"] else {"note": NOT_TOLD})
    return nothing | found | {"group": worst.group, "rows": shown[worst.group].rows}


def _cases(groups: Groups, rivals: Groups, min_rows: int) -> Iterator[Case]:
    for name, group in groups.items():
        if group.rows >= min_rows:
            yield Case(group.value, rivals[name].value if name in rivals else None, name)


def told_slices(
    gates: Sequence[Mapping[str, Any]], model: Measured, classifications: Mapping[str, str | None]
) -> list[dict[str, Any]]:
    """The slices that gates ask for, as they leave the site; others stay."""
    asked = dict.fromkeys((gate["metric"], gate["slice"]) for gate in gates if "slice" in gate)
    return [
        {
            "metric": metric,
            "slice": column,
            "groups": table(model.slices.get((metric, column), {}), classifications.get(column)),
        }
        for metric, column in asked
    ]
