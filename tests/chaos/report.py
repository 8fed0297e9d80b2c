"""The suite's table, on the terminal and in `build/chaos.json`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from tests.chaos.verdict import Verdict

CONSOLE = Console(highlight=False)


def say(verdict: Verdict) -> None:
    """One line as soon as a fault has ended."""
    mark = "[green]✓[/]" if verdict.good else "[red]✗[/]"
    CONSOLE.print(f"{mark} {verdict.fault:<34} {verdict.seconds:6.1f} s  ", end="")
    CONSOLE.print(verdict.outcome, markup=False, soft_wrap=True)


def warn(sentence: str) -> None:
    """What a reader of the table should know."""
    CONSOLE.print(f"[yellow]![/] {sentence}", soft_wrap=True)


def show(verdicts: Sequence[Verdict]) -> None:
    """All of it."""
    table = Table("fault", "step", "point", "outcome", "well", "versions", "weights", "s", show_lines=True)
    words = {True: "equal", False: "DIFFER", None: "-"}
    for verdict in verdicts:
        table.add_row(
            verdict.fault,
            verdict.step,
            verdict.point,
            verdict.outcome.replace("[", r"\["),
            str(verdict.containers),
            str(verdict.model_versions),
            words[verdict.weights_sha256_equal],
            f"{verdict.seconds:.0f}",
            style=None if verdict.good else "red",
        )
    CONSOLE.print(table)
    good = sum(verdict.good for verdict in verdicts)
    CONSOLE.print(f"{good} of {len(verdicts)} faults ended as they should")


def write(path: Path, verdicts: Sequence[Verdict]) -> None:
    """The table for programs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([verdict.row() for verdict in verdicts], indent=2) + "\n")
