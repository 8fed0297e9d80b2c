"""The tables of a model card, whose first column is a verdict: gates, groups of the holdout, drift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edge_runner.gates import RELATIVE, Case
from edge_runner.profiles.drift_table import drift_heads, drift_rows
from edge_runner.profiles.wording import count_text
from edge_training import verdict
from edge_training.lineage.chain import number
from edge_training.model_card.sections import Table

PASSED, FAILED, NOT_JUDGED = "passed", "failed", "not judged"
Gates = Sequence[Mapping[str, Any]]


def gate_table(gates: Gates) -> Table:
    """What each gate has found, in words."""
    return Table(("Verdict", "Gate"), [(_word(gate["passed"]), verdict.sentence(gate)) for gate in gates])


def slice_table(slices: Sequence[Mapping[str, Any]], gates: Gates) -> Table:
    """The groups of the holdout that may be told, slice by slice.

    Args:
        slices: As the evaluation hands them on, see `edge_runner.gates.told_slices`.
        gates: The verdicts; several may judge one slice.
    """
    rows = [
        (
            _group_verdict(group, of["metric"], of["slice"], gates),
            of["metric"],
            f"{of['slice']} is {group['group']}",
            count_text(group["rows"]),
            "not measured" if group["value"] is None else number(group["value"]),
        )
        for of in slices
        for group in of["groups"]
    ]
    return Table(("Verdict", "Metric", "Group", "Rows", "Value"), rows)


def _group_verdict(group: Mapping[str, Any], metric: str, column: str, gates: Gates) -> str:
    """What is known of one group: its rows are coarse, and of the champion's groups the worst is told."""
    judged = [gate for gate in gates if (gate["metric"], gate.get("slice")) == (metric, column)]
    verdicts = [found for gate in judged if (found := _judged(group, gate)) is not None]
    return NOT_JUDGED if not verdicts else _word(all(verdicts))


def _judged(group: Mapping[str, Any], gate: Mapping[str, Any]) -> bool | None:
    """Whether a group passes a gate; None where that is not known."""
    if gate.get("group") == group["group"]:
        return bool(gate["passed"])
    if group["rows"] < gate["min_rows"] or (gate.get("note") and gate["bound"] in RELATIVE):
        return None
    if gate["bound"] not in RELATIVE:
        return Case(group["value"], None).excess(gate["bound"], gate["limit"]) <= 0
    return True if gate["passed"] else None


def drift_table(drift: Mapping[str, Any]) -> Table:
    """How far each column is from what the champion was trained on, the worst first.

    Args:
        drift: The part of the report on the data that compares them.
    """
    rows = [(row.said, row.column, *row.measures) for row in drift_rows(drift)]
    return Table(("Verdict", "Column", *drift_heads(drift)), rows)


def _word(passed: bool) -> str:
    return PASSED if passed else FAILED
