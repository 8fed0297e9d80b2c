"""Runs the short commands of the set-up, each with a log file and a time limit."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from local_site.errors import BuildFailed


def run_logged(
    command: Sequence[str | Path],
    log_file: Path,
    limit_s: float,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> None:
    """Run a command to its end; its output goes to the log file.

    Args:
        command: Program and arguments.
        log_file: Where output is appended.
        limit_s: Time limit.
        environment: Variables set in addition to ours.
        directory: Working directory.

    Raises:
        BuildFailed: It failed or took too long.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    words = [str(word) for word in command]
    with log_file.open("ab") as log:
        try:
            result = subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=directory,
                env={**os.environ, **(environment or {})},
                timeout=limit_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise BuildFailed(
                f"{Path(words[0]).name} took longer than {limit_s:.0f} s; see {log_file}."
            ) from error
    if result.returncode != 0:
        tail = log_file.read_text(errors="replace").strip().splitlines()[-3:]
        raise BuildFailed(f"{Path(words[0]).name} failed; its log {log_file} ends with: {' | '.join(tail)}")
