"""A trigger goes on in another triggerer with what it was serialized as."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib import import_module

import pytest
from tests.jobs import OWNER

from edge_airflow.triggers.edge_job import EdgeJobTrigger, Patience, Tracked

TRACKED = asdict(Tracked("edge_mlflow", "delay", "ab" * 32, {"site": "edge_site"}))


@pytest.mark.parametrize("tracked", [None, TRACKED])
@pytest.mark.parametrize("lineage", [None, {}, {"training_key": "ab" * 32}])
def test_a_trigger_survives_its_serialization(tracked, lineage):
    patience = asdict(Patience(out_of_reach_s=60, deadline=1e9))
    trigger = EdgeJobTrigger("edge_site", "edge-train-1", asdict(OWNER), patience, tracked, lineage)
    path, fields = trigger.serialize()
    module, _, name = path.rpartition(".")
    again = getattr(import_module(module), name)(**json.loads(json.dumps(fields)))
    assert again.serialize() == trigger.serialize()
    assert fields["owner"] == asdict(OWNER)
    assert fields["patience"] == patience
    assert (fields["tracked"], fields["lineage"]) == (tracked, lineage)


def test_a_task_without_a_limit_may_take_for_ever():
    assert Patience().left_s is None
    assert Patience(deadline=0).left_s == 0
