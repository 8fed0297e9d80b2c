"""The suite's table: on the terminal, for programs in `build/`, and in Markdown for docs/reliability.md."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from tests.chaos.faults import FAULTS
from tests.chaos.verdict import DELETED, Verdict

UNDISTURBED = "undisturbed"
CONSOLE = Console(highlight=False)


def say(verdict: Verdict) -> None:
    """One line as soon as a fault has ended."""
    mark = "[green]✓[/]" if verdict.good else "[red]✗[/]"
    CONSOLE.print(f"{mark} {verdict.fault:<34} {verdict.seconds:6.1f} s  ", end="")
    CONSOLE.print(verdict.outcome, markup=False, soft_wrap=True)


def show(verdicts: Sequence[Verdict]) -> None:
    """All of it."""
    columns = ("fault", "step", "point", "outcome", "tries", "well", "versions", "weights", "s")
    table = Table(*columns, show_lines=True)
    words = {True: "equal", False: "DIFFER", None: "-"}
    for verdict in verdicts:
        table.add_row(
            verdict.fault,
            verdict.step,
            verdict.point,
            verdict.outcome.replace("[", r"\["),
            tries_of(verdict.row()),
            str(verdict.containers),
            "-" if verdict.model_versions is None else str(verdict.model_versions),
            words[verdict.weights_sha256_equal],
            f"{verdict.seconds:.0f}",
            style=None if verdict.good else "red",
        )
    CONSOLE.print(table)
    good = sum(verdict.good for verdict in verdicts)
    CONSOLE.print(f"{good} of {len(verdicts)} faults ended as they should")


def write(path: Path, verdicts: Sequence[Verdict], whole: bool) -> None:
    """The table for programs.

    Args:
        path: The file.
        verdicts: What was run this time.
        whole: Whether that was the whole suite. Then no row of older code stays beside the new ones; else
            those of faults that were not run this time do.
    """
    old = [] if whole else read(path)
    rows = {row["fault"]: row for row in old} | {verdict.fault: verdict.row() for verdict in verdicts}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(list(rows.values()), indent=2) + "\n")


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a table for programs; none when there is no such file."""
    return list(json.loads(path.read_text())) if path.exists() else []


def markdown(ours: Sequence[Mapping[str, Any]], peers: Sequence[Mapping[str, Any]]) -> str:
    """Both tables side by side; a fault that only one of them has leaves a dash for the other.

    Args:
        ours: Rows of `build/chaos.json`.
        peers: Rows of `build/chaos-peer.json`.
    """
    left, right = ({row["fault"]: row for row in rows} for rows in (ours, peers))
    order = [UNDISTURBED, *(fault.name for fault in FAULTS)]
    heads = ("fault", "task", "when", "edge jobs", "tries", "s", "`SSHRemoteJobOperator`", "tries", "s")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name in order:
        if name not in left and name not in right:
            continue
        known = left.get(name) or right[name]
        cells = [name, known["step"], known["point"]]
        for row in (left.get(name), right.get(name)):
            cells += [outcome_of(row), tries_of(row), f"{row['seconds']:.0f}"] if row else ["-", "-", "-"]
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def tries_of(row: Mapping[str, Any]) -> str:
    """How many tries the task took, where it was there at the end."""
    return str(row.get("tries") or "-")


def outcome_of(row: Mapping[str, Any]) -> str:
    """A row's outcome in the words of docs/reliability.md."""
    outcome = str(row["outcome"]).splitlines()[0]
    if outcome == "completed":
        return "completed, weights equal"
    if outcome == f"failed as it should: {DELETED}":
        return "nothing left running"
    if outcome.startswith("failed as it should: "):
        return "failed with its sentence, nothing left running"
    return outcome.replace("WRONG", "not as it should", 1)
