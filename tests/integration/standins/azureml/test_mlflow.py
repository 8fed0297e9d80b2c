"""MLflow's client with azureml-mlflow tracks and registers in the stand-in as it does in a workspace."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from tests.integration.standins.azureml.conftest import contents
from tests.standins.azureml.interpreter import Step

ADDED_BY_MLFLOW = "registered_model_meta"


@pytest.fixture
def name() -> str:
    """A name that no other test has used: the server behind the stand-in serves them all."""
    return f"flight-{uuid.uuid4().hex}"


def run(name: str, status: str = "FINISHED", **tags: str) -> Step:
    """A run of an experiment of that name, with the bundle as artifacts."""
    return "run", {"experiment": name, "folder": "bundle", "status": status, "tags": tags}


def on_model(action: str, name: str, **options: Any) -> Step:
    """Do something with the model of that name."""
    return action, {"name": name, **options}


@pytest.mark.usefixtures("bundle")
def test_a_run_keeps_metrics_parameters_tags_and_state(mlflow, name):
    asked = {"experiment": name, "tag": "training_key", "value": "abc"}
    seen, found = mlflow.each(run(name, "FAILED", training_key="abc"), ("found_runs", asked))
    assert seen["status"] == "FAILED"
    assert seen["metrics"] == [[1, 2.0], [2, 1.5]]
    assert seen["params"] == {"depth": "3"}
    assert {"training_key": "abc", "state": "logged"}.items() <= seen["tags"].items()
    assert found == [seen["run_id"]]


def test_artifacts_of_a_run_go_through_the_workspaces_own_storage_and_back(
    mlflow, azureml_with_mlflow, bundle, name
):
    (bundle / "a b").touch()
    seen, _ = mlflow.each(run(name), ("download_of_run", {"experiment": name, "folder": "back"}))
    assert seen["artifacts"] == ["model"]
    assert contents(bundle.parent / "back" / "model") == contents(bundle)
    stored = azureml_with_mlflow.faults.asked("PUT", f"blob.core.windows.net/.*dcid.{seen['run_id']}/model/")
    assert len(stored) == len(contents(bundle))


def test_a_version_made_of_a_run_keeps_its_tags_and_can_be_downloaded(mlflow, bundle, name):
    seen, _, made, versions, _ = mlflow.each(
        run(name),
        on_model("create_model", name),
        on_model("create_version_of_run", name, experiment=name, training_key="abc"),
        on_model("seen_versions", name),
        ("download", {"artifact_uri": f"models:/{name}/1", "folder": "back"}),
    )
    tags = {"training_key": "abc", "state": "registered"}
    assert (made, versions) == ("1", [{"version": "1", "run_id": seen["run_id"], "tags": tags}])
    assert without_what_mlflow_adds(contents(bundle.parent / "back" / "model")) == contents(bundle)


def test_a_version_made_of_a_local_folder_is_uploaded_first(mlflow, bundle, name):
    mlflow.each(
        on_model("create_model", name),
        on_model("create_version", name, source=f"file://{bundle}"),
        ("download", {"artifact_uri": f"models:/{name}/1", "folder": "back"}),
    )
    assert without_what_mlflow_adds(contents(bundle.parent / "back" / bundle.name)) == contents(bundle)


@pytest.mark.usefixtures("bundle")
def test_what_azure_ml_does_not_serve_is_refused(mlflow, name):
    *_, said = mlflow.each(
        run(name), on_model("create_model", name), on_model("refusals", name, experiment=name)
    )
    assert "registered-models/alias failed with error code 404" in said["alias"]
    assert "registered-models/rename failed with error code 404" in said["rename"]
    assert "logged-models/search failed with error code 404" in said["folder of a run"]
    assert "searched by name only" in said["search by tag"]


@pytest.mark.parametrize(("kind", "most", "own"), [("tags", 50, 1), ("metrics", 50, 0), ("params", 200, 0)])
def test_a_run_has_room_for_so_many_and_no_more(mlflow, name, kind, most, own):
    """Its name is a tag that the client adds."""
    (said,) = mlflow.each(("fill", {"experiment": name, "kind": kind, "room": most - own}))
    assert f"FieldName={kind}, Limit={most}, Size={most + 1}" in said


def without_what_mlflow_adds(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files that were registered."""
    return {path: data for path, data in files.items() if path != ADDED_BY_MLFLOW}
