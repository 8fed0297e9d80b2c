"""However many workers register a training, and wherever they die, one version comes of it, complete."""

from __future__ import annotations

import pytest
from tests import bundles
from tests.contract.writers import WRITERS, Scene, on_mlflow, over_a_bridge, written_by_all
from tests.standins.azureml.bridging import MLFLOW

from edge_training.adapters.bridge.ports import BridgedRegistry
from edge_training.bundle import Metric
from edge_training.ports.model_registry import STATE_TAG, Registration

KEY = "5" * 64

SENT = {"azureml": 160, MLFLOW: 120}
"""About so many headers and bodies a registration sends to a workspace."""


@pytest.fixture(params=["mlflow", *SENT])
def scene(request) -> Scene:
    """A registry that many workers reach."""
    if request.param == "mlflow":
        return on_mlflow(request.getfixturevalue("site").mlflow_url)
    workspace = request.getfixturevalue(request.param)
    reader = BridgedRegistry(workspace.bridge)
    return over_a_bridge(workspace.impatient_way, SENT[request.param], reader, workspace.runs)


@pytest.mark.integration
@pytest.mark.timeout(900)
def test_writers_that_race_and_die_end_in_one_fully_tagged_version(scene, name, tmp_path):
    bundle = bundles.stored(tmp_path / "store")
    registration = Registration(
        name=name,
        training_key=KEY,
        bundle=bundle,
        tags={"partition": "2013-02-01", "site": "edge_site"},
        metrics=[Metric("mae", 9.0, 1), Metric("mae", 7.5, 2)],
        params={"window_days": "14"},
        attachments={"card/card.md": b"a card"},
        description="for a test",
    )
    tags = {**registration.tags, "training_key": KEY, "bundle_digest": bundle.stem, STATE_TAG: "registered"}
    reader, seen = scene.reader, []

    def look() -> None:
        if found := reader.find(name, KEY):
            seen.append(dict(found.tags))

    written = list(written_by_all(scene, registration, look))

    (version,) = reader.search(name)
    (run,) = scene.runs(name, KEY)
    assert version.tags == tags
    assert (run.run_id, run.status) == (version.run_id, "FINISHED")
    assert [one.version for one in written] == [version] * WRITERS
    assert sum(one.deaths for one in written) > WRITERS
    assert all(found == tags for found in seen)
    assert reader.attached(version, "card/card.md") == b"a card"
    assert reader.fetch(version, tmp_path / "fetched").read_bytes() == bundle.read_bytes()
