"""register_model: what is written to the registry."""

from __future__ import annotations

from dataclasses import asdict

from tests.bundles import stored
from tests.fakes.model_registry import InMemoryModelRegistry

from edge_training.bundle import Metric
from edge_training.stages.register import Lineage, register

LINEAGE = Lineage(
    data_digest="d" * 64,
    partition="2013-02-01",
    window="2013-01-18..2013-01-31",
    code_digest="c" * 64,
    git_commit="abc123",
    training_image="registry.test/edge/training@sha256:" + "1" * 64,
    contract_digest="e" * 64,
    site="edge_site",
    dag_id="train_flight_delay",
    run_id="manual__1",
)


def test_a_version_carries_its_lineage_curves_and_parameters(tmp_path):
    models, bundle = InMemoryModelRegistry(), stored(tmp_path)

    value = register(models, bundle, "flight_delay", "k" * 64, LINEAGE, {"mae": 7.9}, {"depth": 3})

    version = models.get("flight_delay", "1")
    assert version is not None
    assert version.tags == {
        **asdict(LINEAGE),
        "metrics": '{"mae":7.9}',
        "training_key": "k" * 64,
        "bundle_digest": bundle.stem,
        "state": "registered",
    }
    registration = models.registrations["flight_delay", "1"]
    assert list(registration.metrics) == [
        Metric("mae", 9.0, 1),
        Metric("mae", 7.5, 2),
        Metric("holdout/mae", 7.9),
    ]
    assert registration.params == {"depth": "3"}
    assert value == {
        "model_name": "flight_delay",
        "model_version": "1",
        "bundle_digest": bundle.stem,
        "registry_run_id": version.run_id,
    }
