"""A script that uses MLflow as it always has: what it logs is found in its files."""

from __future__ import annotations

import json
import os
import threading
import time

import pytest

from edge_runner import mlflow_files
from edge_runner.metrics import read_points
from edge_runner.steps import train

REQUEST = {
    "script": "train.py",
    "partition": "2013-02-01",
    "seed": 7,
    "params": {},
    "threads": 1,
    "time_limit_s": 120,
}
AUTOLOGGED = """
import mlflow
import numpy as np
from sklearn.linear_model import Ridge

mlflow.autolog()
x = np.arange(30.0).reshape(10, 3)
with mlflow.start_run():
    Ridge(alpha=0.25).fit(x, x @ [1.0, 2.0, 3.0])
    for step in range(3):
        mlflow.log_metric("loss", 3.0 - step, step=step)
    mlflow.log_metric("part/nan", float("nan"))
    mlflow.log_metric("part/one", 1.0)
    mlflow.set_tag("team", "blue")
    with mlflow.start_run(nested=True):
        mlflow.log_metric("loss", 99.0, step=0)
        mlflow.log_param("alpha", "another")
"""

SLOW_DISK = """
import time
from mlflow.store.tracking import file_store

def slowly(folder, *args, write=file_store.write_yaml, **kwargs):
    time.sleep(6 if "/inputs/" in folder else 0)
    write(folder, *args, **kwargs)

file_store.write_yaml = slowly
"""


@pytest.fixture
def ran(dirs):
    """Write the training script and run the step."""

    def run(source: str) -> dict:
        (dirs.code / "model" / "train.py").write_text(source)
        return train.run(REQUEST, {}, dirs)

    return run


@pytest.fixture
def store(dirs):
    folder = dirs.job / mlflow_files.STORE_NAME
    folder.mkdir()
    return folder


def make_run(store, name: str, start_time: int = 0, parent: str | None = None):
    run = store / "0" / name
    for folder in ("metrics", "params", "tags"):
        (run / folder).mkdir(parents=True)
    (run / "meta.yaml").write_text(f"start_time: {start_time}\n")
    if parent:
        (run / "tags" / mlflow_files.PARENT_TAG).write_text(parent)
    return run


def test_an_unchanged_script_leaves_metrics_parameters_tags_and_its_model(ran, dirs):
    value = ran(AUTOLOGGED)

    assert value["metrics"].items() >= {"loss": 1.0, "part/one": 1.0}.items()
    assert "part/nan" not in value["metrics"]
    assert "training_r2_score" in value["metrics"]
    loss = [point["value"] for point in read_points(dirs.job / "metrics.jsonl") if point["name"] == "loss"]
    assert loss == [3.0, 2.0, 1.0]
    found = mlflow_files.logged(dirs.job / mlflow_files.STORE_NAME)
    assert found["params"]["alpha"] == "0.25"
    assert found["tags"]["team"] == "blue"
    assert not [name for name in found["tags"] if name.startswith("mlflow.")]
    assert (dirs.job / "model" / "MLmodel").is_file()


def test_a_model_is_logged_however_long_autologging_takes_to_write_the_rest(ran, dirs):
    ran(SLOW_DISK + AUTOLOGGED)
    assert (dirs.job / "model" / "MLmodel").is_file()


def test_a_model_that_the_script_has_saved_itself_comes_before_one_it_has_logged(ran, dirs):
    saved = """
import os, pathlib
model = pathlib.Path(os.environ["EDGE_MODEL_DIR"])
model.mkdir()
(model / "MLmodel").write_text("mine")
logged = pathlib.Path(os.environ["MLFLOW_TRACKING_URI"].removeprefix("file://"), "0/models/m-1/artifacts")
logged.mkdir(parents=True)
(logged / "MLmodel").write_text("logged")
"""
    ran(saved)
    assert (dirs.job / "model" / "MLmodel").read_text() == "mine"


def test_the_model_that_was_logged_last_counts(dirs, store):
    for name, made in (("m-b", 1), ("m-a", 2)):
        artifacts = store / "0" / "models" / name / "artifacts"
        artifacts.mkdir(parents=True)
        (artifacts / "MLmodel").write_text(name)
        (artifacts.parent / "meta.yaml").write_text(f"creation_timestamp: {made}\n")
    mlflow_files.adopt_logged_model(dirs)
    assert (dirs.job / "model" / "MLmodel").read_text() == "m-a"


def test_parameters_and_tags_are_those_of_the_last_run_without_a_parent(store):
    for name, start, parent in (("b", 1, None), ("a", 2, None), ("c", 3, "a")):
        (make_run(store, name, start, parent) / "params" / "alpha").write_text(name)
    assert mlflow_files.logged(store) == {"params": {"alpha": "a"}, "tags": {}}


def test_a_script_without_mlflow_has_no_run(dirs):
    assert mlflow_files.logged(dirs.job / mlflow_files.STORE_NAME) == {}
    mlflow_files.adopt_logged_model(dirs)
    assert not (dirs.job / "model").exists()


def test_points_are_taken_once_and_in_whole_lines(store):
    file = make_run(store, "a") / "metrics" / "loss"
    points = mlflow_files.NewPoints(store)
    file.write_text("100 3.0 0\n101 2.")
    assert points.take() == [{"step": 0, "name": "loss", "value": 3.0}]
    assert points.take() == []
    with file.open("a") as more:
        more.write("5 1\n102 1.0 2 dataset digest\nno point\n")
    assert [point["value"] for point in points.take()] == [2.5, 1.0]


def test_points_arrive_while_the_script_runs(dirs, store, monkeypatch):
    monkeypatch.setattr(mlflow_files, "FOLLOW_EVERY_S", 0.05)
    file = make_run(store, "a") / "metrics" / "loss"
    with mlflow_files.followed(dirs):
        file.write_text("100 3.0 0\n")
        while not read_points(dirs.job / "metrics.jsonl"):
            time.sleep(0.01)
        with file.open("a") as more:
            more.write("101 2.0 1\n")
    assert [point["value"] for point in read_points(dirs.job / "metrics.jsonl")] == [3.0, 2.0]
    assert "mlflow" not in [thread.name for thread in threading.enumerate()]


def test_a_pipe_in_the_metrics_files_place_holds_nothing_up(dirs, store):
    (make_run(store, "a") / "metrics" / "loss").write_text("100 3.0 0\n")
    os.mkfifo(dirs.job / "metrics.jsonl")
    with mlflow_files.followed(dirs):
        pass


def test_lines_of_the_script_and_ours_do_not_mix(dirs, store):
    (dirs.job / "metrics.jsonl").write_text(json.dumps({"step": 0, "name": "mae", "value": 9.0}) + "\n")
    (make_run(store, "a") / "metrics" / "loss").write_text("100 3.0 0\n")
    with mlflow_files.followed(dirs):
        pass
    assert {point["name"] for point in read_points(dirs.job / "metrics.jsonl")} == {"mae", "loss"}
