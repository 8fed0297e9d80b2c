"""A new model is a copy of the example's folder and DAG files with its own name; nothing else is touched."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from tests.airflow_environment import ROOT


@pytest.fixture(scope="module")
def copied(tmp_path_factory) -> Path:
    """A checkout with the example's three places only, copied and renamed."""
    checkout = tmp_path_factory.mktemp("checkout")
    (checkout / "dags").mkdir()
    shutil.copytree(ROOT / "include" / "flight_delay", checkout / "include" / "taxi_fare")
    for kind in ("train", "deploy"):
        text = (ROOT / "dags" / f"{kind}_flight_delay.py").read_text()
        (checkout / "dags" / f"{kind}_taxi_fare.py").write_text(text.replace("flight_delay", "taxi_fare"))
    return checkout


@pytest.fixture(scope="module")
def bag(copied) -> DagBag:
    """Its DAG files, parsed."""
    return DagBag(copied / "dags")


def test_the_copies_are_dags_of_their_own(bag):
    assert bag.import_errors == {}
    assert set(bag.dags) == {"train_taxi_fare", "deploy_taxi_fare"}


def test_every_task_trains_and_ships_the_new_model(bag, copied):
    models = {task.model for task in bag.dags["train_taxi_fare"].tasks}
    (model,) = models
    assert (model.name, model.folder) == ("taxi_fare", copied / "include" / "taxi_fare")
    assert set(model.code()) >= {"train.py", "evaluate.py"}
    assert not {"contract.yaml", "README.md"} & set(model.code())


def test_its_images_start_its_own_deployment(bag):
    (outlet,) = bag.dags["train_taxi_fare"].task_dict["push_image"].outlets
    assert outlet.name == "taxi_fare_image"
    deployment = bag.dags["deploy_taxi_fare"]
    assert deployment.timetable.asset_condition.name == "taxi_fare_image"
    assert deployment.task_dict["decide_rollout"].model_name == "taxi_fare"
