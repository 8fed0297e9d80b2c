"""What azureml-core writes to a workspace, and what it makes of what others write there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests import bundles
from tests.standins.azureml import faults
from tests.standins.azureml.faults import Fault

from edge_training.errors import ModelRegistryRefused, ModelRegistryUnavailable


@pytest.fixture
def kind() -> str:
    return "azureml"


def test_a_version_says_where_it_comes_from(impatient, workspace, registration):
    version = impatient.register(registration)

    (seen,) = workspace.versions(registration.name)
    assert (seen["framework"], seen["frameworkVersion"]) == ("ScikitLearn", "1.7.2")
    assert seen["properties"] == {
        "training_key": registration.training_key,
        "bundle_digest": registration.bundle.stem,
    }
    assert (seen["runId"], seen["experimentName"]) == (version.run_id, registration.name)
    asset = workspace.asset(seen["url"].removeprefix("aml://asset/"))
    assert asset["artifacts"] == [{"prefix": f"ExperimentRun/dcid.{version.run_id}/model"}]
    assert f"(https://ml.azure.com/runs/{version.run_id}?wsid=/subscriptions/" in version.description


def test_the_run_keeps_metrics_parameters_tags_and_files(impatient, workspace, registration):
    version = impatient.register(registration)

    run = workspace.run(version.run_id)
    assert (run["displayName"], run["status"]) == ("train 2013-02-01", "Completed")
    assert run["properties"]["param.window_days"] == "14"
    assert run["tags"]["autologged"] == "yes"
    assert run["tags"]["gates"] == "g" * 997 + "..."
    assert workspace.points(version.run_id, "holdout/mae") == [(0, 7.9)]
    expected = {*bundles.FILES, "bundle.json", "params.json", "card/card.html"}
    assert set(workspace.artifacts(version.run_id)) == expected


def test_bundles_of_two_writers_of_one_training_do_not_mix(
    azureml, impatient, workspace, registration, tmp_path
):
    """The first one stops before its run is complete; the second one brings other bytes."""
    azureml.faults.add(Fault("PATCH", "/history/.*/runs/", refusal=faults.UNAVAILABLE, skip=2, times=99))
    with pytest.raises(ModelRegistryUnavailable):
        impatient.register(registration)
    azureml.faults.clear()
    other = bundles.stored(tmp_path / "other", {**bundles.FILES, "model/model.pkl": b"saved again"})

    version = impatient.register(replace(registration, bundle=other))

    assert version.tags["bundle_digest"] == other.stem
    assert impatient.fetch(version, tmp_path / "fetched").read_bytes() == other.read_bytes()


def test_tags_that_somebody_takes_away_at_the_same_moment_are_written_again(
    azureml, impatient, patient, registration
):
    version = impatient.register(registration)
    azureml.faults.add(Fault("PATCH", "/models/", answer={}))

    changed = patient.set_tags(version, {"image_digest": "sha256:1"})

    assert changed.tags == {**version.tags, "image_digest": "sha256:1"}


def test_files_that_somebody_has_replaced_are_refused(azureml, impatient, registration, tmp_path):
    version = impatient.register(registration)
    listing = {"contentUri": azureml.blobs.signed("azureml", "another", "r")}
    azureml.blobs.path("azureml", "another").write_bytes(b"[]")
    azureml.faults.add(Fault("GET", "/contentinfo/.*/bundle.json", answer=listing))

    with pytest.raises(ModelRegistryRefused, match="are not those registered; delete the version"):
        impatient.fetch(version, tmp_path / "fetched")
