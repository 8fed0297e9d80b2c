"""Steps of a start run side by side, in the order of what they need."""

from __future__ import annotations

import io
import threading

import pytest
from rich.console import Console

from local_site.progress import Progress
from local_site.steps import Step, run_steps

LIMIT_S = 5


@pytest.fixture
def progress() -> Progress:
    return Progress(console=Console(file=io.StringIO()))


def test_a_step_waits_for_what_it_needs(progress):
    order: list[str] = []
    steps = [
        Step("last", lambda: order.append("last"), ("first", "second")),
        Step("second", lambda: order.append("second"), ("first",)),
        Step("first", lambda: order.append("first")),
    ]
    run_steps(steps, progress)
    assert order == ["first", "second", "last"]
    assert set(progress.seconds) == {"first", "second", "last"}


def test_independent_steps_run_at_the_same_time(progress):
    meeting = threading.Barrier(2)
    run_steps([Step(name, lambda: meeting.wait(LIMIT_S)) for name in ("one", "other")], progress)
    assert not meeting.broken


def test_a_failure_ends_the_start_and_nothing_that_needs_it_begins(progress):
    begun: list[str] = []

    def fail() -> None:
        raise RuntimeError("no disk")

    with pytest.raises(RuntimeError, match="no disk"):
        run_steps([Step("fails", fail), Step("next", lambda: begun.append("next"), ("fails",))], progress)
    assert begun == []


def test_a_step_that_waits_for_nothing_known_is_an_error(progress):
    with pytest.raises(ValueError, match="lonely"):
        run_steps([Step("lonely", lambda: None, ("nobody",))], progress)
