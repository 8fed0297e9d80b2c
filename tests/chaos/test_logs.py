"""The task's log must show every stage once and in order; after a triggerer's death a few may stand twice."""

from __future__ import annotations

import pytest
from tests.chaos.faults.log import wrong_shown
from tests.chaos.logs import STAGES, TOLD_AGAIN_S, stages, wrong_stages

ALL = list(range(1, STAGES + 1))
WRITTEN = ["841 flights", *(f"numbered line {number:08d} ..." for number in range(5)), "the last line"]


def test_stages_are_whole_lines_of_the_log() -> None:
    assert stages(["stage 1 of 20", "a stage 2 of 20", "stage 3 of 20"]) == [1, 3]


def test_all_stages_once_and_in_order_are_as_they_should() -> None:
    assert list(wrong_stages(ALL)) == []


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (ALL[1:], "lacks the stages 1"),
        ([*ALL[:5], 5, *ALL[5:]], "shows stages twice"),
        ([2, 1, *ALL[2:]], "out of order"),
    ],
)
def test_a_stage_that_is_missing_or_told_twice_is_wrong(shown: list[int], words: str) -> None:
    (wrong,) = wrong_stages(shown)
    assert words in wrong


def test_only_a_few_may_be_told_again() -> None:
    again = [*ALL[:10], *ALL[10 - TOLD_AGAIN_S : 10], *ALL[10:]]
    assert list(wrong_stages(again, TOLD_AGAIN_S)) == []
    assert list(wrong_stages([*again, ALL[-1]], TOLD_AGAIN_S))


def test_lines_that_are_shown_or_said_to_be_skipped_must_be_all() -> None:
    notice = "[3 lines, 99 bytes are not shown: they came faster than 200 kB/s; the raw log has them]"
    assert list(wrong_shown(WRITTEN, WRITTEN)) == []
    assert list(wrong_shown([*WRITTEN[:2], notice, *WRITTEN[5:], "Pausing task."], WRITTEN)) == []


@pytest.mark.parametrize("told", [WRITTEN[1:], [*WRITTEN[:3], WRITTEN[2], *WRITTEN[4:]]])
def test_lines_that_are_silently_missing_are_wrong(told: list[str]) -> None:
    assert list(wrong_shown(told, WRITTEN))
