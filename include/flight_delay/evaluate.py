"""Evaluates the example on the holdout: the partition's own day, which the training did not see.

The model is loaded as a server would load it. Its error is reported beside that of the best constant guess,
so that a day on which the model is of no use is plain to see.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import features  # type: ignore[import-not-found]  # found beside the script when it runs
import pandas as pd
from mlflow.pyfunc import PyFuncModel, load_model

PROBE_ROWS = 20


def main() -> None:
    """Measure the model and write the probe."""
    flights = features.read_flights(Path(os.environ["EDGE_DATA_DIR"]))
    model = load_model(os.environ["EDGE_MODEL_DIR"])
    errors = model.predict(flights[features.FEATURES]) - flights[features.TARGET]
    write_metrics(measure(flights, model, errors))
    write_slice("mae", errors.abs(), flights["carrier"])
    write_probe(flights)


def measure(flights: pd.DataFrame, model: PyFuncModel, errors: pd.Series[float]) -> dict[str, float]:
    """Errors in minutes: of the model, and of a constant guess, the median of the training data."""
    baseline_errors = (model.metadata.metadata or {})["constant_minutes"] - flights[features.TARGET]
    mae, baseline_mae = float(errors.abs().mean()), float(baseline_errors.abs().mean())
    return {
        "mae": mae,
        "rmse": float((errors**2).mean() ** 0.5),
        "baseline_mae": baseline_mae,
        "mae_to_baseline": mae / baseline_mae,
        "holdout_rows": float(len(flights)),
    }


def write_metrics(metrics: dict[str, float]) -> None:
    """Write one line per metric."""
    with Path(os.environ["EDGE_METRICS_FILE"]).open("a") as file:
        for name, value in metrics.items():
            file.write(json.dumps({"step": 0, "name": name, "value": value}) + "\n")
            print(f"{name}: {value:.3f}")


def write_slice(name: str, values: pd.Series[float], groups: pd.Series[str]) -> None:
    """Write one line per group: the mean, and of how many rows; small groups stay on the site."""
    with Path(os.environ["EDGE_METRICS_FILE"]).open("a") as file:
        for group, of_group in values.groupby(groups):
            line = {"step": 0, "name": name, "value": float(of_group.mean()), "rows": len(of_group)}
            file.write(json.dumps(line | {"slice": {groups.name: group}}) + "\n")


def write_probe(flights: pd.DataFrame) -> None:
    """Write a scoring request of a few holdout rows to hold the served model to; it stays on the site."""
    rows = flights[features.FEATURES].head(PROBE_ROWS)
    request = {"dataframe_split": rows.to_dict(orient="split", index=False)}
    Path(os.environ["EDGE_PROBE_FILE"]).write_text(json.dumps(request))


if __name__ == "__main__":
    main()
