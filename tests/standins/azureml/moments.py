"""Times as the services write them."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> str:
    """The time, in UTC."""
    return datetime.now(UTC).isoformat()
