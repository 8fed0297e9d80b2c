"""Trains the example: how many minutes late does a flight from New York arrive?

It knows nothing but the `EDGE_*` variables and files. The model grows in stages; each stage leaves a line of
metrics and a checkpoint, and a training that was interrupted goes on after its last checkpoint.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
from pathlib import Path
from typing import Any

import features  # type: ignore[import-not-found]  # found beside the script when it runs
import joblib
import mlflow.sklearn
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

REQUIREMENTS = ["mlflow-skinny", "numpy", "pandas", "scikit-learn", "scipy", "skops"]
# skops runs no code while it loads a model: it builds only types that it knows or that are named here.
# Boosted trees check their input with a function, and hold node numbers that are followed unchecked; both
# come from this script, and the bundle they travel in is known by its digest.
TRUSTED_TYPES = [
    "functools.partial",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
]


def main() -> None:
    """Train, checkpoint, save."""
    parameters = read_parameters(Path(os.environ["EDGE_PARAMS_FILE"]))
    flights = features.read_flights(Path(os.environ["EDGE_DATA_DIR"]))
    print(f"training on {len(flights)} flights, parameters {parameters}")
    model = train(flights, parameters, int(os.environ["EDGE_SEED"]))
    save(model, float(flights[features.TARGET].median()), Path(os.environ["EDGE_MODEL_DIR"]))


def read_parameters(file: Path) -> dict[str, Any]:
    """The defaults beside this script, overridden by the run's parameters."""
    defaults: dict[str, Any] = json.loads(Path(__file__).with_name("parameters.json").read_text())
    given: dict[str, Any] = json.loads(file.read_text())
    unknown = sorted(given.keys() - defaults.keys())
    if unknown:
        raise SystemExit(f"unknown parameters {unknown}; known are {sorted(defaults)}")
    return defaults | given


def make_pipeline(parameters: dict[str, Any], seed: int) -> Pipeline:
    """Encode categories, unseen ones as missing, and boost trees on the absolute error."""
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    columns = ColumnTransformer(
        [("categories", encoder, features.CATEGORIES), ("numbers", "passthrough", features.NUMBERS)]
    )
    trees = HistGradientBoostingRegressor(
        loss="absolute_error",
        learning_rate=parameters["learning_rate"],
        max_leaf_nodes=parameters["max_leaf_nodes"],
        min_samples_leaf=parameters["min_samples_leaf"],
        l2_regularization=parameters["l2_regularization"],
        categorical_features=list(range(len(features.CATEGORIES))),
        early_stopping=False,
        warm_start=True,
        random_state=seed,
    )
    return Pipeline([("columns", columns), ("trees", trees)])


def train(flights: pd.DataFrame, parameters: dict[str, Any], seed: int) -> Pipeline:
    """Grow the model stage by stage, from the last checkpoint if there is one."""
    checkpoint = Path(os.environ["EDGE_CHECKPOINT_DIR"]) / "model.joblib"
    finished, model = 0, make_pipeline(parameters, seed)
    if checkpoint.exists():
        finished, model = joblib.load(checkpoint)
        print(f"resuming after stage {finished}")
    for stage in range(finished + 1, parameters["stages"] + 1):
        model.set_params(trees__max_iter=stage * parameters["trees_per_stage"])
        model.fit(flights[features.FEATURES], flights[features.TARGET])
        errors = model.predict(flights[features.FEATURES]) - flights[features.TARGET]
        write_metrics(
            stage, train_mae=float(errors.abs().mean()), train_rmse=float((errors**2).mean() ** 0.5)
        )
        partial = checkpoint.with_suffix(".partial")
        joblib.dump((stage, model), partial)
        partial.replace(checkpoint)
    return model


def write_metrics(step: int, **values: float) -> None:
    """Append one line per metric."""
    with Path(os.environ["EDGE_METRICS_FILE"]).open("a") as file:
        for name, value in values.items():
            file.write(json.dumps({"step": step, "name": name, "value": value}) + "\n")
    print(f"step {step}: " + ", ".join(f"{name} {value:.3f}" for name, value in values.items()))


def save(model: Pipeline, constant_minutes: float, folder: Path) -> None:
    """Save the model in MLflow's format: signature and exact requirements, no row of data.

    Args:
        model: The trained pipeline.
        constant_minutes: Median delay of the training data, the constant guess that it is compared with.
        folder: A directory that does not exist yet.
    """
    inputs: list[ColSpec | TensorSpec] = [
        *(ColSpec("string", name) for name in features.CATEGORIES),
        *(ColSpec("long", name) for name in features.NUMBERS),
    ]
    mlflow.sklearn.save_model(
        model,
        folder,
        signature=ModelSignature(inputs=Schema(inputs), outputs=Schema([ColSpec("double")])),
        pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in REQUIREMENTS],
        serialization_format=mlflow.sklearn.SERIALIZATION_FORMAT_SKOPS,
        skops_trusted_types=TRUSTED_TYPES,
        metadata={"constant_minutes": constant_minutes},
    )


if __name__ == "__main__":
    main()
