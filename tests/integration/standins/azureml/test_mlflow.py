"""MLflow's client with azureml-mlflow tracks and registers in the stand-in as it does in a workspace."""

from __future__ import annotations

import uuid

import pytest
from tests.integration.standins.azureml.conftest import contents
from tests.standins.azureml.interpreter import ProgramFailed

ADDED_BY_MLFLOW = "registered_model_meta"


@pytest.fixture
def name() -> str:
    """A name that no other test has used: the server behind the stand-in serves them all."""
    return f"flight-{uuid.uuid4().hex}"


def test_a_run_keeps_metrics_parameters_tags_and_state(mlflow, bundle, name):
    seen = mlflow("run", experiment=name, folder=bundle.name, status="FAILED", tags={"training_key": "abc"})
    assert seen["status"] == "FAILED"
    assert seen["metrics"] == [[1, 2.0], [2, 1.5]]
    assert seen["params"] == {"depth": "3"}
    assert {"training_key": "abc", "state": "logged"}.items() <= seen["tags"].items()
    assert mlflow("found_runs", experiment=name, tag="training_key", value="abc") == [seen["run_id"]]


def test_artifacts_of_a_run_go_through_the_workspaces_own_storage_and_back(
    mlflow, azureml_with_mlflow, bundle, name
):
    (bundle / "a b").touch()
    seen = mlflow("run", experiment=name, folder=bundle.name, status="FINISHED", tags={})
    assert seen["artifacts"] == ["model"]
    mlflow("download", artifact_uri=f"{seen['artifact_uri']}/model", folder="back")
    assert contents(bundle.parent / "back" / "model") == contents(bundle)
    stored = azureml_with_mlflow.faults.asked("PUT", f"blob.core.windows.net/.*dcid.{seen['run_id']}/model/")
    assert len(stored) == len(contents(bundle))


def test_a_version_made_of_a_run_keeps_its_tags_and_can_be_downloaded(mlflow, bundle, name):
    seen = mlflow("run", experiment=name, folder=bundle.name, status="FINISHED", tags={})
    mlflow("create_model", name=name)
    source = f"{seen['artifact_uri']}/model"
    made = mlflow("create_version", name=name, source=source, run_id=seen["run_id"], tags={"key": "abc"})
    tags = {"key": "abc", "state": "registered"}
    assert mlflow("seen_versions", name=name) == [{"version": made, "run_id": seen["run_id"], "tags": tags}]
    mlflow("download", artifact_uri=f"models:/{name}/{made}", folder="back")
    back = contents(bundle.parent / "back" / "model")
    assert {path: data for path, data in back.items() if path != ADDED_BY_MLFLOW} == contents(bundle)


def test_a_version_made_of_a_local_folder_is_uploaded_first(mlflow, bundle, name):
    mlflow("create_model", name=name)
    made = mlflow("create_version", name=name, source=f"file://{bundle}", run_id=None, tags={})
    mlflow("download", artifact_uri=f"models:/{name}/{made}", folder="back")
    back = contents(bundle.parent / "back" / bundle.name)
    assert {path: data for path, data in back.items() if path != ADDED_BY_MLFLOW} == contents(bundle)


def test_what_azure_ml_does_not_serve_is_refused(mlflow, bundle, name):
    mlflow("create_model", name=name)
    seen = mlflow("run", experiment=name, folder=bundle.name, status="FINISHED", tags={})
    with pytest.raises(ProgramFailed, match="alias failed with error code 404"):
        mlflow("set_alias", name=name, version="1")
    with pytest.raises(ProgramFailed, match="logged-models/search failed with error code 404"):
        mlflow("list_folder", run_id=seen["run_id"], folder="model")
    with pytest.raises(ProgramFailed, match="searched by name only"):
        mlflow("search_versions", wanted="tags.training_key = 'abc'")
