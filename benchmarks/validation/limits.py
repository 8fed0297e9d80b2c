"""What the data must keep, for all programs alike; standard library only, as their environments differ."""

from __future__ import annotations

from datetime import UTC, date, datetime

NOW = datetime(2026, 6, 1, tzinfo=UTC)
"""The data's own; freshness is measured at `NOW`."""
FIRST_DAY, LAST_DAY = date(2026, 5, 1), date(2026, 5, 31)
FRESH_DAYS = 1
STATUSES = ("ok", "warm", "hot", "cold", "dry", "wet", "idle", "lost")
RANGES = {
    "station": (0, 4999),
    "visits": (0, 1000),
    "temperature": (-60.0, 60.0),
    "pressure": (850.0, 1090.0),
}
REQUIRED = ("id", "station", "temperature", "status", "serial", "measured_at", "day", "valid")
NULLS_AT_MOST_PERCENT = {"visits": 5, "pressure": 5}
QUANTILES = (0.05, 0.5, 0.95)
"""Told of each column in `RANGES`."""
