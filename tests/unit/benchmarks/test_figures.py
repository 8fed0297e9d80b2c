"""A figure says the same in its number, its ratio and its row."""

from __future__ import annotations

import pytest
from benchmarks.figures import Figure, median_of, rounded

FIELDS = ["name", "ours", "peer", "peer_name", "ratio", "unit"]


def figure(ours: float | None, peer: float | None, **more: str) -> Figure:
    return Figure("launch", ours, peer, "peer", "s", **more)


def test_a_row_has_the_promised_fields_and_a_note_only_when_there_is_one():
    assert list(figure(1, 2).row()) == FIELDS
    assert list(figure(1, None, note="gave up").row()) == [*FIELDS, "note"]


def test_the_ratio_is_ours_by_the_peers():
    assert figure(3, 4).row()["ratio"] == 0.75


@pytest.mark.parametrize(("ours", "peer"), [(None, 1), (1, None), (1, 0)])
def test_without_two_numbers_there_is_no_ratio(ours, peer):
    assert figure(ours, peer).row()["ratio"] is None
    assert figure(ours, peer).advantage is None


@pytest.mark.parametrize(("better", "advantage"), [("less", 2), ("more", 0.5)])
def test_the_advantage_knows_which_way_is_better(better, advantage):
    assert figure(1, 2, better=better).advantage == advantage


def test_a_failure_is_worse_than_any_number():
    assert median_of([1, None, 2]) == 2
    assert median_of([1, None, None]) is None


@pytest.mark.parametrize(("number", "shown"), [(1234.5, 1230), (0.012345, 0.0123), (0, 0), (None, None)])
def test_numbers_keep_three_digits(number, shown):
    assert rounded(number) == shown
