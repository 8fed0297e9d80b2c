"""Docker's clock and ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from edge_training.adapters.docker.site_facts import skew_s

NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("shown", "ahead_s"),
    [
        ("2026-11-23T12:00:01Z", 0),
        ("2026-11-23T12:00:01.5Z", 0.5),
        ("2026-11-23T12:00:01.123456789Z", 0.123456),
        ("2026-11-23T13:00:01.470181277+01:00", 0.470181),
        ("2026-11-24T12:00:01Z", 86400),
        ("2026-11-22T12:00:01.000000001Z", -86400),
    ],
)
def test_skew_is_measured_against_the_middle_of_the_round_trip(shown, ahead_s):
    assert skew_s(shown, NOON, NOON + timedelta(seconds=2)) == pytest.approx(ahead_s, abs=1e-6)


@pytest.mark.parametrize("shown", ["", "noon", "1700000000"])
def test_a_clock_that_shows_no_time_is_no_answer(shown):
    with pytest.raises(ValueError):  # noqa: PT011 - any wording will do, the class is what is handled
        skew_s(shown, NOON, NOON)
