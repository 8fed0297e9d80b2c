"""A broken metrics file never fails a training."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_runner.metrics import last_values, read_points


@pytest.fixture
def file(tmp_path):
    return tmp_path / "metrics.jsonl"


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
        '{"step": 2, "name": "mae", "value": 1' + "0" * 400 + "}\n",
    ],
)
def test_a_torn_or_foreign_line_is_passed_over(file, broken):
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
