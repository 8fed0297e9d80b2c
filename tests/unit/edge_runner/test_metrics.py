"""A broken metrics file never fails a training."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_runner.metrics import MOST_BYTES_AT_ONCE, NewPoints, finish_last_line, last_values, read_points


@pytest.fixture
def file(tmp_path):
    return tmp_path / "metrics.jsonl"


def append(file, text: str) -> None:
    with file.open("a") as end:
        end.write(text)


def line(step: object, name: object, value: object) -> str:
    return json.dumps({"step": step, "name": name, "value": value}) + "\n"


def test_no_file_is_no_metric(file):
    assert read_points(file) == []


def test_points_come_in_the_order_of_their_steps(file):
    file.write_text(line(10, "mae", 1.0) + line(2, "mae", 3.0) + line(2, "loss", 4))
    assert read_points(file) == [
        {"step": 2, "name": "loss", "value": 4.0},
        {"step": 2, "name": "mae", "value": 3.0},
        {"step": 10, "name": "mae", "value": 1.0},
    ]
    assert last_values(file) == {"loss": 4.0, "mae": 1.0}


def test_a_step_that_a_resumed_training_repeats_counts_once_with_its_last_value(file):
    file.write_text(line(1, "mae", 9.0) + line(2, "mae", 8.0) + line(1, "mae", 7.0))
    assert [point["value"] for point in read_points(file)] == [7.0, 8.0]


@pytest.mark.parametrize(
    "broken",
    [
        '{"step": 2, "name": "ma',
        "not json\n",
        "5\n",
        "[]\n",
        "null\n",
        "\n",
        '{"step": 2, "name": "mae"}\n',
        line("two", "mae", 1.0),
        line(None, "mae", 1.0),
        line(2, "mae", "low"),
        line(2, "mae", float("nan")),
        line(2, "mae", float("inf")),
        line(float("inf"), "mae", 1.0),
        line(2**63, "mae", 1.0),
        '{"step": 2, "name": "mae", "value": 9.0, "slice": {"carrier": "UA"}, "rows": 100}\n',
        "[" * 100_000 + "\n",
        '{"step": 2, "name": "mae", "value": 1' + "0" * 400 + "}\n",
    ],
)
def test_a_torn_or_foreign_line_or_one_groups_is_passed_over(file, broken):
    file.write_text(line(1, "mae", 3.0) + broken)
    assert last_values(file) == {"mae": 3.0}


def test_bytes_that_are_no_text_are_passed_over(file):
    file.write_bytes(b"\xff\xfe\n" + line(1, "mae", 3.0).encode())
    assert last_values(file) == {"mae": 3.0}


@given(content=st.binary(max_size=300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_whatever_stands_in_the_file_is_read_without_a_crash(file, content):
    file.write_bytes(content + b'{"step": 1, "name": "mae", "value": ' + content)
    for point in read_points(file):
        assert set(point) == {"step", "name", "value"}


def make_pipe(file) -> None:
    os.mkfifo(file)


def make_directory(file) -> None:
    file.mkdir()


def make_device(file) -> None:
    file.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [make_pipe, make_directory, make_device])
def test_what_is_no_plain_file_holds_nobody_up(file, make):
    new = NewPoints(file)
    make(file)
    assert (read_points(file), new.take(), NewPoints(file).take()) == ([], [], [])
    finish_last_line(file)


def test_each_new_point_is_taken_once(file):
    append(file, line(1, "mae", 9.0))
    new = NewPoints(file)
    assert new.take() == []
    append(file, line(2, "mae", 8.0) + line(2, "loss", 7.0))
    assert new.take() == [(2, "mae", 8.0), (2, "loss", 7.0)]
    assert new.take() == []


def test_a_line_counts_once_it_is_finished(file):
    new = NewPoints(file)
    whole = line(1, "mae", 9.0)
    for character in whole[:-1]:
        append(file, character)
        assert new.take() == []
    append(file, "\n")
    assert new.take() == [(1, "mae", 9.0)]


def test_a_broken_line_costs_no_other_point(file):
    new = NewPoints(file)
    append(file, line(1, "mae", 9.0) + "garbage\n" + line(2, "mae", float("nan")) + line(3, "mae", 7.0))
    assert new.take() == [(1, "mae", 9.0), (3, "mae", 7.0)]


def test_of_a_flood_the_last_points_are_taken_and_each_is_whole(file):
    new = NewPoints(file)
    count = 3 * MOST_BYTES_AT_ONCE // len(line(100_000, "mae", 1.0))
    append(file, "".join(line(number, "mae", 1.0) for number in range(count)))
    taken = new.take()
    assert [step for step, _, _ in taken] == list(range(taken[0][0], count))
    assert len(taken) < count / 2
    append(file, line(count, "mae", 1.0))
    assert new.take() == [(count, "mae", 1.0)]


def test_one_endless_line_is_passed_over(file):
    new = NewPoints(file)
    append(file, "x" * 2 * MOST_BYTES_AT_ONCE)
    assert new.take() == []
    append(file, "\n" + line(1, "mae", 9.0))
    assert new.take() == [(1, "mae", 9.0)]


def test_a_file_that_was_removed_or_begun_anew_is_read_anew(file):
    append(file, line(1, "mae", 9.0) + line(2, "mae", 8.0))
    new = NewPoints(file)
    file.unlink()
    assert new.take() == []
    append(file, line(3, "mae", 7.0))
    assert new.take() == [(3, "mae", 7.0)]
    file.write_text("")
    assert new.take() == []
    append(file, line(4, "mae", 6.0))
    assert new.take() == [(4, "mae", 6.0)]


def test_the_line_that_an_interrupted_script_was_writing_costs_not_the_next_one(file):
    append(file, line(1, "mae", 9.0) + '{"step": 2, "na')
    finish_last_line(file)
    append(file, line(2, "mae", 8.0))
    assert [point["value"] for point in read_points(file)] == [9.0, 8.0]


@pytest.mark.parametrize("content", ["", line(1, "mae", 9.0)])
def test_a_file_whose_last_line_is_finished_stays_as_it_is(file, content):
    append(file, content)
    finish_last_line(file)
    assert file.read_text() == content
