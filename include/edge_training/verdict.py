"""What the gates have found, in words: for the version's tag, the task's log, the error that ends a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edge_runner.gates import RELATIVE

ACCEPTED = "passed all gates"
WORDS = {
    "at_most": "at most {limit:g} is allowed",
    "at_least": "at least {limit:g} is allowed",
    "above_champion_by": "at most {limit:g} above is allowed",
    "below_champion_by": "at most {limit:g} below is allowed",
}


def objection(gates: Sequence[Mapping[str, Any]]) -> str:
    """Why the model may not serve; empty when it may.

    Args:
        gates: The verdicts of `edge_runner.gates`.
    """
    return "; ".join(sentence(gate) for gate in gates if not gate["passed"])


def verdict(gates: Sequence[Mapping[str, Any]]) -> str:
    """The same in any case; of gates that passed, what is special about them."""
    special = [sentence(gate) for gate in gates if gate.get("note")]
    return objection(gates) or "; ".join([ACCEPTED, *special])


def sentence(gate: Mapping[str, Any]) -> str:
    """What was found, and what is allowed; or why nothing was to be found."""
    note, bound = gate.get("note"), WORDS[gate["bound"]].format(limit=gate["limit"])
    if note:
        by = f" by {gate['slice']}" if "slice" in gate else ""
        return f"{gate['metric']}{by}, of which {bound}: {note}"
    return f"{gate['metric']}{_group(gate)} is {_number(gate['value'])}{_beside(gate)}, {bound}"


def _group(gate: Mapping[str, Any]) -> str:
    return f" where {gate['slice']} is {gate['group']} ({gate['rows']} rows)" if "slice" in gate else ""


def _beside(gate: Mapping[str, Any]) -> str:
    if gate["bound"] not in RELATIVE:
        return ""
    return f", that of the champion (version {gate['champion_version']}) {_number(gate['champion_value'])}"


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:g}"
