"""What a version says of its origin, from what the tasks handed on."""

from __future__ import annotations

import json

import pytest

from edge_training.lineage.tags import Asked, lineage_of

ASKED = Asked("2013-02-01", "edge_site", "abc123", "train_flight_delay", "manual__1")
SNAPSHOT = {"data_digest": "d" * 64, "window": "2013-01-18/2013-01-31"}


def drifted(psi, js, status="compared"):
    return {"status": status, "psi": psi, "js": js, "verdict": "unjudged"}


VALIDATION = {
    "contract_digest": "c" * 64,
    "validation_run_id": "run-1",
    "champion_version": "3",
    "rules": [{"outcome": "passed"}, {"outcome": "warned"}, {"outcome": "passed"}],
    "report": [{"path": "profile.json", "size": 2, "sha256": "f" * 64}],
    "drift": {
        "distance": drifted(0.3, 0.1),
        "hour": drifted(0.1, 0.2),
        "year": drifted(9.0, 0.9),
        "tailnum": drifted(None, None, "empty"),
    },
}
HARDWARE = {"cpus": 2, "cpu_model": "EPYC", "memory_bytes": 2**33, "gpus": []}
TRAINING = {
    "training_image": "registry/edge/training@sha256:1",
    "code_digest": "e" * 64,
    "params": {"stages": 5},
    "seed": 7,
    "seconds": 12.5,
    "peak_memory_bytes": 2**28,
    "container_peak_memory_bytes": 2**29,
    "hardware": HARDWARE,
}


def test_every_task_has_its_part_in_the_lineage():
    found = lineage_of(ASKED, SNAPSHOT, VALIDATION, TRAINING, ignore=("year",)).tags()

    assert json.loads(found.pop("contract_result")) == {"passed": 2, "warned": 1}
    assert json.loads(found.pop("params")) == {"stages": 5}
    assert json.loads(found.pop("site_hardware")) == HARDWARE
    assert json.loads(found.pop("drift")) == {
        "champion": "3",
        "psi": 0.3,
        "psi_column": "distance",
        "js": 0.2,
        "js_column": "hour",
    }
    assert found == {
        "data_digest": "d" * 64,
        "partition": "2013-02-01",
        "window": "2013-01-18/2013-01-31",
        "contract_digest": "c" * 64,
        "validation_run_id": "run-1",
        "profile_digest": "f" * 64,
        "profile_path": "validation/profile.json",
        "training_image": "registry/edge/training@sha256:1",
        "code_digest": "e" * 64,
        "git_commit": "abc123",
        "seed": "7",
        "training_seconds": "12.5",
        "peak_memory_bytes": str(2**28),
        "container_peak_memory_bytes": str(2**29),
        "site": "edge_site",
        "dag_id": "train_flight_delay",
        "run_id": "manual__1",
    }


def test_without_a_champion_nothing_is_told_of_drift():
    found = lineage_of(ASKED, SNAPSHOT, {**VALIDATION, "drift": {}}, TRAINING, ()).tags()
    assert found["drift"] == "{}"


@pytest.mark.parametrize(
    ("lacking", "tag"),
    [("hardware", "site_hardware"), ("container_peak_memory_bytes", "container_peak_memory_bytes")],
)
def test_what_a_training_of_an_earlier_release_did_not_measure_is_no_tag(lacking, tag):
    training = {name: value for name, value in TRAINING.items() if name != lacking}
    assert tag not in lineage_of(ASKED, SNAPSHOT, VALIDATION, training, ()).tags()
