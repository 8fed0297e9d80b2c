"""Which partition a night, a backfill and a fresh deployment mean."""

from __future__ import annotations

import copy
from datetime import UTC, datetime

import pytest
from airflow.sdk.exceptions import AirflowException
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import TimeRestriction


@pytest.fixture(scope="module")
def scheduled(training):
    """The training DAG as the scheduler has it."""
    return DagSerialization.from_dict(DagSerialization.to_dict(training))


def test_the_run_at_midnight_is_for_the_day_that_ended(scheduled):
    from pendulum import datetime as moment

    restriction = TimeRestriction(earliest=moment(2013, 2, 2), latest=None, catchup=True)
    info = scheduled.timetable.next_dagrun_info_v2(last_dagrun_info=None, restriction=restriction)
    assert info.run_after == datetime(2013, 2, 2, tzinfo=UTC)
    assert info.partition_key == "2013-02-01"


def test_unpausing_the_example_starts_nothing(scheduled):
    """Its data ends in 2013: there is no night to come, and nights that have passed are not caught up."""
    assert scheduled.catchup is False
    assert scheduled.next_dagrun_info(last_automated_run_info=None) is None


def test_a_backfill_has_one_run_a_day_with_both_ends(scheduled):
    infos = scheduled.timetable.iter_partition_dagrun_infos(
        earliest=datetime(2013, 2, 27, tzinfo=UTC), latest=datetime(2013, 3, 1, tzinfo=UTC)
    )
    assert [info.partition_key for info in infos] == ["2013-02-27", "2013-02-28", "2013-03-01"]


def test_the_form_has_good_defaults(training):
    filled = training.params.validate()
    assert (filled["window_days"], filled["force"], filled["deploy"]) == (14, False, "auto")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("window_days", 0),
        ("window_days", 366),
        ("window_days", 1.5),
        ("window_days", "14"),
        ("window_days", None),
        ("learning_rate", 0),
        ("learning_rate", 1.1),
        ("stages", 0),
        ("stages", 1.5),
        ("force", "yes"),
        ("deploy", "sometimes"),
    ],
)
def test_the_form_refuses_what_cannot_be_right(training, name, value):
    form = copy.deepcopy(training.params)
    with pytest.raises(AirflowException, match=f"Invalid input for param {name}"):
        form.update({name: value})
