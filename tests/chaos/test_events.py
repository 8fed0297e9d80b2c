"""Ends are counted, not containers; and two containers that ran at once are seen."""

from __future__ import annotations

import pytest
from tests.chaos.events import ENDED, STARTED, History, Left, at_once, ended_well

KEY = "key"


def history(*events: tuple[str, str, int] | tuple[str, str, int, int]) -> History:
    """What became of these events: container, action, time, exit code."""
    seen = History()
    for container, action, time_ns, *code in events:
        seen.take(KEY, container, action, time_ns, code[0] if code else None)
    return seen


def test_a_container_that_ends_well_twice_counts_twice() -> None:
    seen = history(("a", STARTED, 1), ("a", ENDED, 2, 0), ("a", STARTED, 3), ("a", ENDED, 4, 0))
    assert ended_well(seen.lives(KEY)) == 2


def test_an_event_that_is_told_again_counts_once() -> None:
    seen = history(("a", STARTED, 1), ("a", ENDED, 2, 0), ("a", STARTED, 1), ("a", ENDED, 2, 0))
    assert ended_well(seen.lives(KEY)) == 1


@pytest.mark.parametrize(
    "events",
    [
        (),
        (("a", STARTED, 1),),
        (("a", STARTED, 1), ("a", ENDED, 2, 137)),
        (("a", STARTED, 1), ("a", ENDED, 9, 0)),
    ],
)
def test_an_end_that_nobody_saw_is_taken_from_what_is_left(events: tuple[tuple[str, str, int], ...]) -> None:
    assert ended_well(history(*events).lives(KEY, {"a": Left(0, 9)})) == 1


def test_a_restart_is_a_life_of_its_own_and_not_a_second_container() -> None:
    seen = history(("a", STARTED, 1), ("a", ENDED, 2, 137), ("a", STARTED, 3), ("a", ENDED, 4, 0))
    assert len(seen.lives(KEY)) == 2
    assert not at_once(seen.lives(KEY))


@pytest.mark.parametrize(
    ("second", "expected"),
    [((("b", STARTED, 3), ("b", ENDED, 9, 0)), True), ((("b", STARTED, 5), ("b", ENDED, 9, 0)), False)],
)
def test_two_containers_at_once_are_seen(
    second: tuple[tuple[str, str, int, int], ...], expected: bool
) -> None:
    seen = history(("a", STARTED, 1), ("a", ENDED, 4, 0), *second)
    assert at_once(seen.lives(KEY)) is expected


def test_a_container_whose_end_nobody_saw_ran_until_it_was_found_or_started_again() -> None:
    open_end = history(("a", STARTED, 1), ("b", STARTED, 5), ("b", ENDED, 6, 0))
    assert at_once(open_end.lives(KEY))
    assert not at_once(open_end.lives(KEY, {"a": Left(137, 4)}))
    again = history(("a", STARTED, 1), ("b", STARTED, 5), ("b", ENDED, 6, 0), ("a", STARTED, 4))
    assert at_once(again.lives(KEY))
