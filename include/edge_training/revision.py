"""Which commit of the project runs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

COMMIT_VARIABLE = "EDGE_GIT_COMMIT"
UNKNOWN = "unknown"
LIMIT_S = 10


def git_commit(folder: Path) -> str:
    """The commit a folder is checked out at, with `-dirty` when files differ from it.

    `EDGE_GIT_COMMIT` says it where the code was deployed without its repository; `unknown` where nothing
    does.
    """
    if told := os.environ.get(COMMIT_VARIABLE):
        return told
    commit = git(folder, "rev-parse", "HEAD")
    if commit is None:
        return UNKNOWN
    return f"{commit}-dirty" if git(folder, "status", "--porcelain", "--untracked-files=no") else commit


def git(folder: Path, *arguments: str) -> str | None:
    """What a git command prints, or None when it fails or there is no git."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
