"""A model's project refuses early what would fail late, each time with the remedy."""

from __future__ import annotations

import pytest

from edge_training.errors import BadRequest
from edge_training.project import Gate, ModelProject


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


def test_a_missing_folder_or_contract_names_what_to_correct(tmp_path):
    with pytest.raises(BadRequest, match="correct `folder` in the DAG file"):
        project(tmp_path / "none").code()
    with pytest.raises(BadRequest, match="correct `contract` in the DAG file"):
        project(tmp_path).contract_text()


@pytest.mark.parametrize(
    ("gate", "request_"),
    [
        (Gate("mae", at_most=60.0), {"metric": "mae", "at_most": 60.0}),
        (Gate("r2", at_least=0.0), {"metric": "r2", "at_least": 0.0}),
    ],
)
def test_a_gate_has_one_bound(gate, request_):
    assert gate.request() == request_


@pytest.mark.parametrize("gate", [Gate("mae"), Gate("mae", at_most=1.0, at_least=0.0)])
def test_a_gate_with_no_or_two_bounds_is_refused(gate):
    with pytest.raises(BadRequest, match="exactly one of at_most and at_least"):
        gate.request()
