"""The example's scripts on synthetic flights, in this process: no container, no site."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

FOLDER = Path(__file__).parents[3] / "include/flight_delay"


def load(name):
    """Load a script the way Python finds it when it runs: its folder is on the path."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def scripts():
    """The example's modules."""
    features = load("features")
    modules = {"features": features, "train": load("train"), "evaluate": load("evaluate")}
    yield modules
    for name in modules:
        del sys.modules[name]


def flights(rows=600, seed=0):
    random = np.random.default_rng(seed)
    hours = random.integers(5, 23, rows)
    return pd.DataFrame(
        {
            "carrier": random.choice(["UA", "DL", "B6"], rows),
            "origin": random.choice(["EWR", "JFK"], rows),
            "dest": random.choice(["IAH", "ATL", "BOS"], rows),
            "hour": hours.astype("int8"),
            "minute": random.integers(0, 60, rows).astype("int8"),
            "distance": random.integers(100, 3000, rows).astype("int16"),
            "arr_delay": pd.array(3 * hours - 40 + random.normal(0, 3, rows).round(), dtype="Int16"),
        }
    )


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run's directories and variables; call it to write parameters and get the directory."""
    (tmp_path / "checkpoints").mkdir()
    for split, seed in (("train", 0), ("holdout", 1)):
        data = flights(seed=seed)
        data.loc[:9, "arr_delay"] = pd.NA
        folder = tmp_path / split / "flights/date=2013-02-01"
        folder.mkdir(parents=True)
        data.to_parquet(folder / "EWR.parquet")
    variables = {
        "EDGE_DATA_DIR": "train",
        "EDGE_MODEL_DIR": "model",
        "EDGE_METRICS_FILE": "metrics.jsonl",
        "EDGE_CHECKPOINT_DIR": "checkpoints",
        "EDGE_PARAMS_FILE": "params.json",
        "EDGE_PROBE_FILE": "probe.json",
    }
    for name, path in variables.items():
        monkeypatch.setenv(name, str(tmp_path / path))
    monkeypatch.setenv("EDGE_SEED", "7")
    monkeypatch.setenv("EDGE_PARTITION", "2013-02-01")

    def prepare(**parameters):
        (tmp_path / "params.json").write_text(json.dumps({"trees_per_stage": 5} | parameters))
        return tmp_path

    return prepare


def metrics(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_cancelled_flights_are_left_out(scripts, run):
    assert len(scripts["features"].read_flights(run() / "train")) == 590


def test_model_is_saved_with_signature_and_requirements_and_without_rows(scripts, run):
    folder = run()
    scripts["train"].main()
    saved = sorted(path.name for path in (folder / "model").iterdir())
    assert saved == ["MLmodel", "conda.yaml", "model.skops", "python_env.yaml", "requirements.txt"]
    description = (folder / "model/MLmodel").read_text()
    assert all(f'"{name}"' in description for name in scripts["features"].FEATURES)
    assert "saved_input_example" not in description
    assert all("==" in line for line in (folder / "model/requirements.txt").read_text().split())


def test_each_stage_leaves_its_metrics(scripts, run):
    folder = run(stages=3)
    scripts["train"].main()
    errors = [point["value"] for point in metrics(folder) if point["name"] == "train_mae"]
    assert [point["step"] for point in metrics(folder) if point["name"] == "train_mae"] == [1, 2, 3]
    assert errors == sorted(errors, reverse=True)


def test_training_goes_on_after_its_last_checkpoint_and_ends_with_the_same_model(scripts, run):
    train, read = scripts["train"], scripts["features"].read_flights
    folder = run()
    data = read(folder / "train")
    parameters = train.read_parameters(folder / "params.json")
    straight = train.train(data, parameters | {"stages": 4}, seed=7)
    (folder / "checkpoints/model.joblib").unlink()
    train.train(data, parameters | {"stages": 2}, seed=7)
    (folder / "metrics.jsonl").unlink()
    resumed = train.train(data, parameters | {"stages": 4}, seed=7)
    assert {point["step"] for point in metrics(folder)} == {3, 4}
    np.testing.assert_array_equal(
        straight.predict(data[scripts["features"].FEATURES]),
        resumed.predict(data[scripts["features"].FEATURES]),
    )


def test_unknown_parameter_ends_the_script_with_the_known_ones(scripts, run):
    run(learning_rat=1)
    with pytest.raises(SystemExit, match=r"unknown parameters \['learning_rat'\]; known are \['l2_reg"):
        scripts["train"].main()


def test_evaluation_reports_the_error_beside_that_of_a_constant_guess(scripts, run, monkeypatch):
    folder = run()
    scripts["train"].main()
    (folder / "metrics.jsonl").unlink()
    monkeypatch.setenv("EDGE_DATA_DIR", str(folder / "holdout"))
    scripts["evaluate"].main()
    lines = metrics(folder)
    values = {line["name"]: line["value"] for line in lines if "slice" not in line}
    assert values["mae"] < values["baseline_mae"]
    assert values["mae_to_baseline"] == pytest.approx(values["mae"] / values["baseline_mae"])
    assert values["holdout_rows"] == 590
    groups = [line for line in lines if "slice" in line]
    assert sorted(line["slice"]["carrier"] for line in groups) == ["B6", "DL", "UA"]
    assert sum(line["value"] * line["rows"] for line in groups) / 590 == pytest.approx(values["mae"])


def test_probe_is_a_scoring_request_that_the_saved_model_answers(scripts, run):
    import mlflow.pyfunc

    folder = run()
    scripts["train"].main()
    scripts["evaluate"].main()
    request = json.loads((folder / "probe.json").read_text())
    frame = pd.DataFrame(**request["dataframe_split"])
    predictions = mlflow.pyfunc.load_model(str(folder / "model")).predict(frame)
    assert list(frame.columns) == scripts["features"].FEATURES
    assert len(predictions) == 20
    assert np.isfinite(predictions).all()


def test_category_that_was_never_seen_gets_a_prediction(scripts, run):
    train = scripts["train"]
    folder = run()
    data = scripts["features"].read_flights(folder / "train")
    model = train.train(data, train.read_parameters(folder / "params.json"), seed=7)
    unseen = data[scripts["features"].FEATURES].head(1).assign(carrier="ZZ", dest="XXX", origin="QQQ")
    assert np.isfinite(model.predict(unseen)).all()
