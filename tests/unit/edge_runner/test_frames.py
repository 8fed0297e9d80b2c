"""A frame says what it is and where it stands; whatever else stands in Docker's log is taken for no frame."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runner import bootstrap, frames
from edge_runner.frames import DOCKER_PIECE_BYTES, Line, Point, decode

PLACES = st.integers(min_value=0, max_value=10**18 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(start=PLACES, end=PLACES, text=TEXTS, skipped=st.booleans())
def test_a_line_is_read_as_it_was_written(start, end, text, skipped):
    line = Line(start, end, text, skipped)
    assert decode(line.encoded()) == line


@pytest.mark.parametrize("character", ["x", "é", "✓", "🛰", "\x00"])
@pytest.mark.parametrize("length", [*range(4080, 4100), DOCKER_PIECE_BYTES, 2**20])
def test_a_long_line_survives_docker_which_cuts_lines_amid_characters(character, length):
    line = Line(10**18 - 2, 10**18 - 1, character * length)
    written = f"{line.encoded()}\n"
    assert written.isascii() or len(written.encode()) <= DOCKER_PIECE_BYTES
    assert decode(line.encoded()) == line


@given(
    step=st.integers(-(2**63), 2**63 - 1),
    name=TEXTS,
    value=st.floats(allow_nan=False, allow_infinity=False),
    time_ms=st.integers(0, 2**50),
)
def test_a_point_is_read_as_it_was_written_and_is_one_line(step, name, value, time_ms):
    point = Point(step, name, value, time_ms)
    assert decode(point.encoded()) == point
    assert "\n" not in point.encoded()


@pytest.mark.parametrize("text", ["0-5 1-9 said", "metric {}", "1~2 [3 lines", "", " ", "\r", "é\x00"])
def test_a_script_that_writes_what_looks_like_a_frame_stays_a_line(text):
    assert decode(Line(0, 5, text).encoded()) == Line(0, 5, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Traceback (most recent call last):",
        frames.RECEIVED,
        "1-2",
        "1-x text",
        "-1-2 text",
        "1+2 text",
        "1+2 7",
        "1*2 text",
        '1+2 "text',
        f"0-{'9' * 5000} text",
        "metric",
        "metric ",
        "metric 5",
        "metric []",
        "metric " + "[" * 100_000,
        'metric {"step": 1}',
        'metric {"step": 1, "name": "mae", "value": 2.0, "time_ms": 3, "more": 4}',
        'metric {"step": "1", "name": "mae", "value": 2.0, "time_ms": 3}',
        'metric {"step": 1, "name": ["mae"], "value": 2.0, "time_ms": 3}',
        'metric {"step": 1, "name": "mae", "value": null, "time_ms": 3}',
        'metric {"step": true, "name": "mae", "value": 2.0, "time_ms": 3}',
    ],
)
def test_what_is_no_frame_is_none(text):
    assert decode(text) is None


def test_a_value_without_a_fraction_is_a_value():
    assert decode("metric " + json.dumps(vars(Point(1, "mae", 2, 3)))) == Point(1, "mae", 2.0, 3)


def test_both_ends_agree_on_the_receipt_of_secrets():
    assert bootstrap.RECEIVED == frames.RECEIVED
