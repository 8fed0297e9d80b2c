"""What a run must not do behind a good verdict: use up tries, train on, or fail without its sentence."""

from __future__ import annotations

import pytest
from tests.chaos.fault import NEXT_TRY, ONE_TRY
from tests.chaos.faults import FAULTS
from tests.chaos.verdict import NOTHING, wrong_failure, wrong_tries

SENTENCE = "train_model: DiskFull: no space left on device"


@pytest.mark.parametrize(("allowed", "tries"), [(ONE_TRY, 1), (NEXT_TRY, 2), ((2, 4), 3), (ONE_TRY, None)])
def test_tries_that_the_fault_explains_are_as_they_should(
    allowed: tuple[int, int], tries: int | None
) -> None:
    assert list(wrong_tries(allowed, tries)) == []


def test_a_retry_that_was_used_up_is_wrong() -> None:
    assert list(wrong_tries(ONE_TRY, 2)) == ["it took 2 tries, not 1"]


def test_a_kill_after_which_no_new_try_came_has_not_hit() -> None:
    assert list(wrong_tries(NEXT_TRY, 1)) == ["the fault did not hit: try 1 was the last one"]


def test_one_sentence_and_nothing_else_is_a_good_failure() -> None:
    assert list(wrong_failure("^train_model: DiskFull: ", SENTENCE, 0, 0)) == []


@pytest.mark.parametrize(
    ("pattern", "sentence", "well", "versions", "words"),
    [
        ("DiskFull", SENTENCE, 1, 0, "ran on to its end"),
        ("DiskFull", SENTENCE, 0, 1, "a model was registered"),
        ("TimeLimit", SENTENCE, 0, 0, "the sentence is"),
        ("^train_model", f"train_model: {NOTHING}", 0, 0, "the sentence is"),
    ],
)
def test_a_failure_that_is_not_clear_is_wrong(
    pattern: str, sentence: str, well: int, versions: int, words: str
) -> None:
    (wrong,) = wrong_failure(pattern, sentence, well, versions)
    assert words in wrong


def test_no_pattern_of_a_fault_is_met_by_the_name_of_its_task_alone() -> None:
    silent = [fault for fault in FAULTS if not fault.completes]
    assert not any(
        list(wrong_failure(one.fails_with, f"{one.task}: {NOTHING}", 0, 0)) == [] for one in silent
    )


def test_names_and_service_ports_of_faults_are_their_own() -> None:
    ports = [fault.service for fault in FAULTS if fault.service]
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert len(set(ports)) == len(ports)
