"""How long a model registry is waited for."""

from __future__ import annotations

import pytest

from edge_training.adapters.patience import RETRY_AFTER, patiently
from edge_training.errors import ModelRegistryRefused, ModelRegistryUnavailable


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now_s, self.pauses_s = 0.0, []

    def patiently(self, action, patience_s):
        return patiently(action, patience_s, self.now, self.sleep)

    def now(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.pauses_s.append(seconds)
        self.now_s += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def failing(times: int, error: Exception):
    """An action that fails so many times and gives `done` then."""
    left = [error] * times

    def action() -> str:
        if left:
            raise left.pop()
        return "done"

    return action


def test_an_action_is_repeated_with_growing_pauses_until_it_succeeds(clock):
    assert clock.patiently(failing(5, ModelRegistryUnavailable("no answer")), 60) == "done"
    assert clock.pauses_s == [1, 2, 4, 8, 8]


def test_patience_ends(clock):
    with pytest.raises(ModelRegistryUnavailable):
        clock.patiently(failing(100, ModelRegistryUnavailable("no answer")), 10)
    assert sum(clock.pauses_s) <= 10


def test_an_action_that_fails_after_hours_is_repeated(clock):
    fails = failing(1, ModelRegistryUnavailable("no answer"))

    def slow() -> str:
        clock.now_s += 7200
        return fails()

    assert clock.patiently(slow, 60) == "done"


def test_a_refusal_is_not_repeated(clock):
    with pytest.raises(ModelRegistryRefused):
        clock.patiently(failing(1, ModelRegistryRefused("no")), 60)
    assert clock.pauses_s == []


def test_a_registry_that_asks_for_time_gets_it(clock):
    assert clock.patiently(failing(2, ModelRegistryUnavailable("busy", {RETRY_AFTER: 5.0})), 60) == "done"
    assert clock.pauses_s == [5, 5]


def test_a_registry_that_asks_for_more_time_than_there_is_gets_none(clock):
    with pytest.raises(ModelRegistryUnavailable):
        clock.patiently(failing(1, ModelRegistryUnavailable("busy", {RETRY_AFTER: 61.0})), 60)
    assert clock.pauses_s == []
