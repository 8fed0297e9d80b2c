"""A trigger goes on in another triggerer with what it was serialized as."""

from __future__ import annotations

import json
from importlib import import_module

from edge_airflow.triggers.edge_job import EdgeJobTrigger

TRIGGER = EdgeJobTrigger(
    "edge_site", "edge-train-1", "dag/run/task/-1/2", grace_s=20, out_of_reach_limit_s=60
)


def test_a_trigger_survives_its_serialization():
    path, fields = TRIGGER.serialize()
    module, _, name = path.rpartition(".")
    again = getattr(import_module(module), name)(**json.loads(json.dumps(fields)))
    assert again.serialize() == TRIGGER.serialize()
    assert fields == {
        "site": "edge_site",
        "container": "edge-train-1",
        "owner": "dag/run/task/-1/2",
        "grace_s": 20,
        "out_of_reach_limit_s": 60,
    }
