"""A model's project refuses early what would fail late, each time with the remedy."""

from __future__ import annotations

import math
import re

import pytest

from edge_training.errors import BadRequest
from edge_training.project import Drift, Gate, ModelProject, Ready


def project(tmp_path, **changes) -> ModelProject:
    return ModelProject(
        **{"name": "delay", "folder": tmp_path, "container": "data", "prefix": "date={partition}/"} | changes
    )


@pytest.mark.parametrize("name", ["", "Delay", "-delay", "delay-", "a b", "a/b", "a.b", "d" * 64])
def test_a_name_that_a_registry_would_refuse_is_refused(tmp_path, name):
    with pytest.raises(BadRequest, match="use lower-case letters, digits"):
        project(tmp_path, name=name)


def test_a_prefix_that_does_not_tell_partitions_apart_is_refused(tmp_path):
    with pytest.raises(BadRequest, match=r"lacks \{partition\}"):
        project(tmp_path, prefix="flights/")


def test_the_prefix_of_a_partition_has_its_key(tmp_path):
    assert project(tmp_path).partition_prefix("2013-02-01") == "date=2013-02-01/"


def test_braces_in_a_prefix_are_names_like_others(tmp_path):
    made = project(tmp_path, prefix="{a}/date={partition}/{b:c}/")
    assert made.partition_prefix("2013-02-01") == "{a}/date=2013-02-01/{b:c}/"


@pytest.mark.parametrize(
    ("prefix", "sentence"),
    [
        ("date={partition}", "end it with what follows the key in the blobs' names, such as '/'"),
        (
            "/date={partition}/",
            "begins with a slash, and no blob's name that can be a file does; take it off",
        ),
    ],
)
def test_a_prefix_that_fits_other_partitions_or_none_is_refused(tmp_path, prefix, sentence):
    """`date=2013-02-1` would also fit the blobs of `date=2013-02-10`."""
    with pytest.raises(BadRequest, match=re.escape(sentence)):
        project(tmp_path, prefix=prefix)


@pytest.mark.parametrize("prefix", ["{partition}.parquet", "raw-{partition}-part", "{partition}/all/"])
def test_what_follows_the_key_tells_partitions_apart(tmp_path, prefix):
    assert project(tmp_path, prefix=prefix).prefix == prefix


@pytest.mark.parametrize("field", ["include", "exclude"])
def test_one_pattern_without_its_tuple_is_refused(tmp_path, field):
    """Its letters would be taken for patterns."""
    with pytest.raises(BadRequest, match=rf"`{field}` of delay is a text; write \('\*\.csv',\), a tuple"):
        project(tmp_path, **{field: "*.csv"})


def test_a_project_that_includes_nothing_is_refused(tmp_path):
    with pytest.raises(BadRequest, match="`include` of delay is empty; leave it out"):
        project(tmp_path, include=())


@pytest.mark.parametrize("marker", ["/_SUCCESS", "done/"])
def test_a_marker_is_named_relative_to_its_partition(marker):
    with pytest.raises(
        BadRequest, match="no blob's name relative to the partition's prefix; take the slash off"
    ):
        Ready(marker=marker)


@pytest.mark.parametrize("limits", [{"min_blobs": 0}, {"min_size_bytes": -1}, {"quiet_s": -1}])
def test_a_partition_is_never_complete_with_less_than_nothing(limits):
    with pytest.raises(BadRequest, match="asks for less than nothing; set min_blobs to 1 or more"):
        Ready(**limits)


def test_a_missing_folder_or_contract_names_what_to_correct(tmp_path):
    with pytest.raises(BadRequest, match="correct `folder` in the DAG file"):
        project(tmp_path / "none").code()
    with pytest.raises(BadRequest, match="correct `contract` in the DAG file"):
        project(tmp_path).contract_text()


def test_only_the_limits_that_are_set_are_held_against_the_data():
    drift = Drift(psi_warn=0.1, psi_stop=0.25, js_warn=None, ignore=("year", "day"))
    assert drift.request() == {"psi": {"warn": 0.1, "stop": 0.25}, "js": {}, "ignore": ["day", "year"]}


def test_drift_warns_and_stops_nothing_unless_it_is_told_to():
    assert Drift().request() == {"psi": {"warn": 0.1}, "js": {}, "ignore": []}


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        ({"psi_warn": 0.0}, "psi_warn is 0.0; give a number above 0, or None"),
        ({"psi_stop": -1.0}, "psi_stop is -1.0; give a number above 0, or None"),
        ({"psi_stop": float("nan")}, "psi_stop is nan; give a number above 0, or None"),
        ({"js_stop": float("inf")}, "js_stop is inf; give a number above 0 and at most 1, or None"),
        ({"js_warn": 1.5}, "js_warn is 1.5; give a number above 0 and at most 1, or None"),
        ({"psi_warn": 0.5, "psi_stop": 0.2}, "psi_warn, 0.5, is above psi_stop, 0.2; let the warning come"),
        ({"js_warn": 0.5, "js_stop": 0.2}, "js_warn, 0.5, is above js_stop, 0.2; let the warning come"),
        ({"ignore": "day"}, "ignore is the text 'day'; give a tuple of column names"),
    ],
)
def test_a_drift_limit_that_could_not_be_meant_is_refused(limits, sentence):
    with pytest.raises(BadRequest, match=sentence):
        Drift(**limits)


def test_a_warning_may_come_together_with_the_stop():
    assert Drift(psi_warn=0.2, psi_stop=0.2).request()["psi"] == {"warn": 0.2, "stop": 0.2}


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "needs exactly one of at_most, at_least, above_champion_by, below_champion_by"),
        ({"at_most": 1.0, "at_least": 0.0}, "needs exactly one of"),
        ({"at_most": 1.0, "above_champion_by": 0.0}, "needs exactly one of"),
        ({"at_most": math.nan}, "at_most of the gate on mae is nan; give a finite number"),
        ({"below_champion_by": math.inf}, "below_champion_by of the gate on mae is inf"),
        ({"at_most": "60"}, "at_most of the gate on mae is '60'"),
        ({"at_most": True}, "at_most of the gate on mae is True"),
        ({"at_most": 1.0, "min_rows": 100}, "name their column in slice, or leave it out"),
        ({"at_most": 1.0, "slice": "carrier", "min_rows": 9}, "tell of fewer than 10 rows; set it to 10"),
    ],
)
def test_a_gate_that_could_not_be_judged_is_refused_before_anything_runs(fields, sentence):
    with pytest.raises(BadRequest, match=re.escape(sentence)):
        Gate("mae", **fields)


@pytest.mark.parametrize(
    ("gate", "request_", "relative"),
    [
        (Gate("mae", at_most=0), {"metric": "mae", "at_most": 0}, False),
        (Gate("r2", below_champion_by=0.0), {"metric": "r2", "below_champion_by": 0.0}, True),
        (
            Gate("mae", above_champion_by=-1.0, slice="carrier"),
            {"metric": "mae", "above_champion_by": -1.0, "slice": "carrier", "min_rows": 10},
            True,
        ),
    ],
)
def test_a_gate_is_asked_as_it_is_written(tmp_path, gate, request_, relative):
    assert gate.request() == request_
    assert project(tmp_path, gates=(Gate("mae", at_most=1.0), gate)).asks_for_champion is relative
