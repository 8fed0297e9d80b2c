"""What is added to a curve that was forwarded while it trained."""

from __future__ import annotations

from edge_training.adapters.mlflow.curves import TimedPoint, missing_points
from edge_training.bundle import Metric


def curve(*values: float, first_step: int = 1) -> list[Metric]:
    return [Metric("mae", value, step) for step, value in enumerate(values, first_step)]


def test_a_run_that_has_all_points_lacks_none():
    live = [TimedPoint(2, 7.5, 200), TimedPoint(1, 9.0, 100)]

    assert list(missing_points(curve(9.0, 7.5), live, 50)) == []


def test_a_curve_nobody_saw_gets_the_time_of_the_runs_start():
    assert list(missing_points(curve(9.0, 7.5), (), 50)) == [TimedPoint(1, 9.0, 50), TimedPoint(2, 7.5, 50)]


def test_a_missing_point_gets_the_time_of_the_step_before_it():
    live = [TimedPoint(1, 9.0, 100), TimedPoint(4, 6.0, 400)]

    assert list(missing_points(curve(9.0, 8.0, 7.0, 6.0, 5.0), live, 50)) == [
        TimedPoint(2, 8.0, 100),
        TimedPoint(3, 7.0, 100),
        TimedPoint(5, 5.0, 400),
    ]


def test_a_step_that_was_trained_again_lacks_nothing_when_its_last_value_was_seen():
    live = [TimedPoint(1, 9.0, 300), TimedPoint(1, 9.5, 100)]

    assert list(missing_points(curve(9.0), live, 50)) == []


def test_a_step_whose_last_value_was_not_seen_gets_it_as_its_latest():
    live = [TimedPoint(1, 9.5, 100), TimedPoint(1, 9.0, 90)]

    assert list(missing_points(curve(9.0), live, 50)) == [TimedPoint(1, 9.0, 101)]


def test_of_a_step_that_is_given_twice_the_later_value_counts():
    twice = [Metric("mae", 9.5, 1), Metric("mae", 9.0, 1)]

    assert list(missing_points(twice, (), 50)) == [TimedPoint(1, 9.0, 50)]


def test_who_completes_the_curve_a_second_time_adds_nothing():
    """Also when the first was cut off in the middle, at any point: MLflow knows equal points."""
    wanted = curve(9.0, 8.0, 7.0, 6.0, 5.0)
    live = [TimedPoint(2, 8.5, 200), TimedPoint(4, 6.0, 400)]
    added = list(missing_points(wanted, live, 50))

    for written in range(len(added) + 1):
        again = list(missing_points(wanted, [*live, *added[:written]], 50))
        assert again == added[written:]
