"""What the drift of a column may come to."""

from __future__ import annotations

from collections.abc import Sequence

MEASURES = ("psi", "js")
VERDICTS = ("unjudged", "ok", "warn", "stop")
"""From good to bad; unjudged is what is not compared, has no threshold or is ignored."""


def worst(verdicts: Sequence[str]) -> str:
    """The worst of several verdicts; `unjudged` for none."""
    return max(verdicts, key=VERDICTS.index, default=VERDICTS[0])
