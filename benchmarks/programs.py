"""Runs measured programs, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.environment import ROOT, with_own_code
from benchmarks.measured import RESULT_MARK
from local_site.errors import LocalSiteError


class ProgramFailed(LocalSiteError):
    """A program did not do what is measured."""


def said_by(
    name: str, command: Sequence[str | Path], limit_s: float, settings: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Run a program and give what it says of itself, see `measured`.

    Args:
        name: The program, for people.
        command: It and its arguments.
        limit_s: How long it may take.
        settings: Environment variables besides ours.

    Raises:
        ProgramFailed: It ended badly.
    """
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**with_own_code(), **(settings or {})},
        capture_output=True,
        text=True,
        timeout=limit_s,
        check=False,
    )
    said = [line for line in done.stdout.splitlines() if line.startswith(RESULT_MARK)]
    if done.returncode != 0 or not said:
        raise ProgramFailed(f"{name} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return dict(json.loads(said[-1].removeprefix(RESULT_MARK)))
