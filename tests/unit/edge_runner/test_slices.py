"""A metric by groups: read without losing one, told by the rules for categories."""

from __future__ import annotations

import json

import pytest

from edge_runner.protocol import StepError
from edge_runner.slices import Group, read_slices, table, told


def line(**changes: object) -> str:
    whole = {"step": 0, "name": "mae", "value": 9.5, "slice": {"carrier": "UA"}, "rows": 120}
    return json.dumps(whole | changes) + "\n"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "metrics.jsonl"


def test_no_file_is_no_slice(file):
    assert read_slices(file) == {}


def test_groups_are_read_by_metric_and_column_beside_plain_metrics(file):
    plain = '{"step": 0, "name": "mae", "value": 8.0}\nno json\n[]\n'
    file.write_text(plain + line() + line(slice={"carrier": "DL"}, rows=30) + line(name="bias", value=1))
    assert read_slices(file) == {
        ("mae", "carrier"): {"UA": Group(120, 9.5), "DL": Group(30, 9.5)},
        ("bias", "carrier"): {"UA": Group(120, 1.0)},
    }


def test_the_last_value_of_the_highest_step_counts(file):
    file.write_text(line(step=2, value=5.0) + line(step=2, value=4.0) + line(step=1, value=3.0))
    assert read_slices(file)["mae", "carrier"]["UA"].value == 4.0


@pytest.mark.parametrize("group", [7, True, None, 1.5])
def test_a_groups_name_may_be_any_json_scalar(file, group):
    file.write_text(line(slice={"hour": group}))
    assert list(read_slices(file)["mae", "hour"]) == [json.dumps(group)]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, 10**400])
def test_a_group_without_a_finite_value_is_there_all_the_same(file, value):
    """Passed over, it would pass every gate."""
    file.write_text(line(value=value))
    assert read_slices(file)["mae", "carrier"]["UA"] == Group(120, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"rows": None},
        {"rows": 0},
        {"rows": 12.5},
        {"value": "low"},
        {"name": 7},
        {"step": "first"},
        {"slice": {}},
        {"slice": {"carrier": "UA", "origin": "JFK"}},
        {"slice": "SECRET"},
        {"slice": None},
        {"slice": {"carrier": ["SECRET"]}},
    ],
)
def test_a_line_that_tells_no_groups_metric_is_named_by_its_number_only(file, changes):
    file.write_text(line() + line(**changes))
    with pytest.raises(StepError) as caught:
        read_slices(file)
    assert caught.value.kind == "EvaluationFailed"
    assert caught.value.message.startswith("Line 2 of EDGE_METRICS_FILE has a slice and does not tell")
    assert "SECRET" not in caught.value.message


GROUPS = {"UA": Group(128, 9.0), "DL": Group(64, 8.0), "B6": Group(9, 70.0), "OO": Group(1, 99.0)}


def test_groups_below_ten_rows_are_not_told_and_counts_are_coarse():
    assert told(GROUPS, None) == {"UA": Group(120, 9.0), "DL": Group(60, 8.0)}


def test_a_single_small_group_takes_the_next_one_with_it():
    """Else it could be worked out from the whole."""
    groups = {name: GROUPS[name] for name in ("UA", "DL", "OO")}
    assert list(told(groups, None)) == ["UA"]


def test_of_a_public_column_every_group_is_told_as_it_is():
    assert told(GROUPS, "public") == GROUPS


def test_of_a_restricted_column_no_group_is_told():
    assert told(GROUPS, "restricted") == {}


@pytest.mark.parametrize("names", [[f"person {n}" for n in range(30)], ["x" * 101, "y" * 101]])
def test_names_and_free_text_are_not_told(names):
    groups = {name: Group(3 if len(name) < 100 else 50, 1.0) for name in names}
    assert told(groups, None) == {}


def test_what_leaves_is_the_largest_group_first():
    assert table(GROUPS, None) == [
        {"group": "UA", "rows": 120, "value": 9.0},
        {"group": "DL", "rows": 60, "value": 8.0},
    ]
