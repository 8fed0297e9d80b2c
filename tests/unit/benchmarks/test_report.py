"""What people read agrees with what programs read."""

from __future__ import annotations

import json

import pytest
from benchmarks import report
from benchmarks.figures import Figure


@pytest.mark.parametrize(
    ("ours", "peer", "better", "words"),
    [
        (1, 2, "less", "ours is 2 times better"),
        (1, 2, "more", "ours is 2 times worse"),
        (100, 101, "less", "about equal"),
        (1, 1, "more", "equal"),
        (1, 0, "more", "ours is better"),
        (1, 0, "less", "ours is worse"),
        (0, 1, "more", "ours is worse"),
        (1, None, "less", "only ours can"),
        (None, 1, "less", "only the peer can"),
        (None, None, "less", "neither can"),
    ],
)
def test_the_verdict_says_who_is_better(ours, peer, better, words):
    assert report.verdict(Figure("name", ours, peer, "peer", "s", better)) == words


def test_the_table_shows_parts_figures_and_notes(capsys):
    figures = [Figure("plain", 1, 2, "peer", "s"), Figure("noted", 1, None, "peer", "s", note="It gave up.")]
    report.show({"launch": figures}, {"launch": "How long it takes."})
    text = capsys.readouterr().out
    for words in ("launch", "How long it takes.", "plain", "noted 1)", "1) It gave up."):
        assert words in text


def test_the_file_has_the_rows_of_all_parts_in_order(tmp_path):
    first, second = Figure("a", 1, 2, "peer", "s"), Figure("b", 1, 2, "peer", "s")
    report.write(tmp_path / "made" / "bench.json", {"x": [first], "y": [second]})
    rows = json.loads((tmp_path / "made" / "bench.json").read_text())
    assert rows == [first.row(), second.row()]
