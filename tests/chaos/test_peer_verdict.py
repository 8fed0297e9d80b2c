"""The peer is held against the same end as ours, and the words say which part of it was missed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.chaos.peer_verdict import Seen, not_as_it_should

COMPLETED = Seen(("success",), 1, False, 0, 0, "", False, True, None)
FAILED = Seen(("failed",), 0, False, 0, 0, "AirflowException: exit code 1", True, None, None)


def test_one_completed_training_is_as_it_should() -> None:
    assert not_as_it_should(COMPLETED, must_complete=True) == []


def test_one_clear_error_with_nothing_left_is_as_it_should() -> None:
    assert not_as_it_should(FAILED, must_complete=False) == []


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (replace(COMPLETED, well=2), "the training ran to its end 2 times"),
        (replace(COMPLETED, well=0), "succeeded, though no training finished"),
        (replace(COMPLETED, at_once=True), "two containers trained at the same time"),
        (replace(COMPLETED, left=1), "a container still runs"),
        (replace(COMPLETED, last_line_shown=False), "the log lacks the last line"),
        (replace(COMPLETED, lines_shown=0.25), "the log shows 25.0% of the lines and does not say so"),
        (replace(COMPLETED, states=("never ended",)), "never ended though the training had finished"),
        (FAILED, "failed (AirflowException: exit code 1)"),
    ],
)
def test_what_is_missed_of_a_completed_training_is_said(seen: Seen, words: str) -> None:
    assert not_as_it_should(seen, must_complete=True) == [words]


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (replace(FAILED, well=1), "the training ran on to its end, though nobody waited for it"),
        (replace(FAILED, left=2), "2 containers still run"),
        (
            replace(FAILED, names_cause=False),
            "failed without a word of the cause (AirflowException: exit code 1)",
        ),
    ],
)
def test_what_is_missed_of_a_clear_error_is_said(seen: Seen, words: str) -> None:
    assert not_as_it_should(seen, must_complete=False) == [words]
