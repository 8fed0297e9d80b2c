"""Periods of serving, in one tag."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from edge_training.deployments import (
    DEPLOYMENTS_TAG,
    MOST_PERIODS,
    Change,
    Period,
    Place,
    Request,
    begun,
    ended,
    line,
    periods,
)
from edge_training.ports.model_registry import ModelVersion

HERE, THERE = (
    Place("edge_site", "edge-service-delay", 18890),
    Place("other_site", "edge-service-delay", 18890),
)
FIRST, LATER = "2013-02-04T03:00:00+00:00", "2013-02-05T03:00:00+00:00"


def at(moment: str) -> datetime:
    return datetime.fromisoformat(moment)


NIGHTLY = Change(Request("deploy_delay/night", "2013-02-04T00:00:00.000000+00:00"), "1")
BACK = Change(
    Request("deploy_delay/morning", "2013-02-05T00:00:00.000000+00:00", "ada"), "2", is_rollback=True
)


def test_a_version_that_goes_on_serving_there_keeps_its_first_moment_and_reason():
    tags = begun({}, HERE, at(FIRST), NIGHTLY)
    assert begun(tags, HERE, at(LATER), BACK) == tags
    assert periods(tags) == [Period(HERE, FIRST, began=NIGHTLY)]


def test_a_version_that_moves_serves_there_no_longer():
    tags = begun(begun({}, HERE, at(FIRST), NIGHTLY), THERE, at(LATER), BACK)
    assert periods(tags) == [
        Period(HERE, FIRST, LATER, NIGHTLY, BACK),
        Period(THERE, LATER, began=BACK),
    ]


def test_a_version_that_comes_back_has_two_periods():
    tags = begun(ended(begun({}, HERE, at(FIRST), NIGHTLY), at(FIRST), NIGHTLY), HERE, at(LATER), BACK)
    assert periods(tags) == [
        Period(HERE, FIRST, FIRST, NIGHTLY, NIGHTLY),
        Period(HERE, LATER, began=BACK),
    ]


def test_a_period_that_was_never_ended_can_be():
    tags = begun(begun({}, HERE, at(FIRST), NIGHTLY), HERE, at(LATER), BACK, goes_on=False)
    assert [(one.since, one.until) for one in periods(tags)] == [(FIRST, LATER), (LATER, "")]


def test_an_end_is_told_once():
    tags = ended(begun({}, HERE, at(FIRST), NIGHTLY), at(LATER), BACK)
    assert ended(tags, datetime(2014, 1, 1, tzinfo=UTC), NIGHTLY) == tags


def test_the_oldest_periods_are_forgotten():
    tags: dict[str, str] = {}
    for minute in range(MOST_PERIODS + 1):
        moment = datetime(2013, 2, 4, 3, minute, tzinfo=UTC)
        tags = begun(ended(tags, at(LATER), BACK), HERE, moment, NIGHTLY)
    assert len(periods(tags)) == MOST_PERIODS
    assert periods(tags)[0].since == "2013-02-04T03:01:00+00:00"


def test_periods_of_before_reasons_were_written_down_are_read():
    told = '[{"host_port":18890,"service":"edge-service-delay","since":"%s","site":"edge_site","until":""}]'
    assert periods({DEPLOYMENTS_TAG: told % FIRST}) == [Period(HERE, FIRST)]


def model(**served: list[tuple[int, bool]]) -> list[ModelVersion]:
    """Versions that began to serve on these days, each by a roll back or not."""
    found = []
    for name, begins in served.items():
        tags: dict[str, str] = {}
        for day, is_rollback in begins:
            moment = datetime(2013, 2, day, tzinfo=UTC)
            tags = begun(ended(tags, moment, NIGHTLY), HERE, moment, BACK if is_rollback else NIGHTLY)
        found.append(ModelVersion("delay", name.removeprefix("v"), tags, "run", "source"))
    return found


@pytest.mark.parametrize(
    ("served", "expected"),
    [
        ({}, []),
        ({"v1": [], "v2": [(1, False)]}, ["2"]),
        ({"v1": [(1, False)], "v2": [(2, False)], "v3": [(3, False)]}, ["1", "2", "3"]),
        ({"v1": [(1, False)], "v2": [(2, False), (4, True)], "v3": [(3, False)]}, ["1", "2"]),
        ({"v1": [(1, False), (4, True)], "v2": [(2, False)], "v3": [(3, False)]}, ["1"]),
        (
            {"v1": [(1, False)], "v2": [(2, False), (4, True)], "v3": [(3, False), (5, False)]},
            ["1", "2", "3"],
        ),
        ({"v1": [(1, False), (3, False)], "v2": [(2, False)]}, ["2", "1"]),
        ({"v1": [(3, True)], "v2": [(2, False)]}, ["2", "1"]),
    ],
)
def test_a_roll_back_takes_what_it_gave_up_out_of_the_line(served, expected):
    assert line(model(**served)) == expected


@pytest.mark.parametrize(
    "damaged", ["", "no JSON", "7", "[7]", '[{"site": "x"}]', '{"site": "x"}', '[{"began": 7}]']
)
def test_a_tag_that_makes_no_sense_is_begun_anew(damaged):
    tags = {DEPLOYMENTS_TAG: damaged}
    assert periods(tags) == []
    assert periods(begun(tags, HERE, at(FIRST), NIGHTLY)) == [Period(HERE, FIRST, began=NIGHTLY)]
