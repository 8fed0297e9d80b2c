"""Periods of serving, in one tag."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from edge_training.deployments import DEPLOYMENTS_TAG, MOST_PERIODS, Period, Place, begun, ended, periods

HERE, THERE = (
    Place("edge_site", "edge-service-delay", 18890),
    Place("other_site", "edge-service-delay", 18890),
)
FIRST, LATER = "2013-02-04T03:00:00+00:00", "2013-02-05T03:00:00+00:00"


def at(moment: str) -> datetime:
    return datetime.fromisoformat(moment)


def test_a_version_that_goes_on_serving_there_keeps_its_first_moment():
    tags = begun({}, HERE, at(FIRST))
    assert begun(tags, HERE, at(LATER)) == tags
    assert periods(tags) == [Period(HERE, FIRST)]


def test_a_version_that_moves_serves_there_no_longer():
    tags = begun(begun({}, HERE, at(FIRST)), THERE, at(LATER))
    assert periods(tags) == [Period(HERE, FIRST, LATER), Period(THERE, LATER)]


def test_a_version_that_comes_back_has_two_periods():
    tags = begun(ended(begun({}, HERE, at(FIRST)), at(FIRST)), HERE, at(LATER))
    assert periods(tags) == [Period(HERE, FIRST, FIRST), Period(HERE, LATER)]


def test_an_end_is_told_once():
    tags = ended(begun({}, HERE, at(FIRST)), at(LATER))
    assert ended(tags, datetime(2014, 1, 1, tzinfo=UTC)) == tags


def test_the_oldest_periods_are_forgotten():
    tags: dict[str, str] = {}
    for minute in range(MOST_PERIODS + 1):
        tags = begun(ended(tags, at(LATER)), HERE, datetime(2013, 2, 4, 3, minute, tzinfo=UTC))
    assert len(periods(tags)) == MOST_PERIODS
    assert periods(tags)[0].since == "2013-02-04T03:01:00+00:00"


@pytest.mark.parametrize("damaged", ["", "no JSON", "7", "[7]", '[{"site": "x"}]', '{"site": "x"}'])
def test_a_tag_that_makes_no_sense_is_begun_anew(damaged):
    tags = {DEPLOYMENTS_TAG: damaged}
    assert periods(tags) == []
    assert periods(begun(tags, HERE, at(FIRST))) == [Period(HERE, FIRST)]
