"""Loads whatever lies in EDGE_MODEL_DIR as MLflow serves it; tells each prediction as a metric's point."""

from __future__ import annotations

import json
import os
from pathlib import Path

import data
import mlflow.pyfunc
import numpy as np
import pandas as pd

PROBE_ROWS = 5

holdout = data.read("holdout")
features = holdout[data.FEATURES].astype("float32")
answer = mlflow.pyfunc.load_model(os.environ["EDGE_MODEL_DIR"]).predict(features)
values = np.concatenate([np.ravel(part) for part in answer.values()]) if isinstance(answer, dict) else answer
values = np.ravel(values)
errors = np.abs(values - holdout[data.TARGET])
points = [{"step": step, "name": "prediction", "value": float(value)} for step, value in enumerate(values)]
points.append({"step": 0, "name": "mae", "value": float(np.mean(errors))})
constant = np.abs(holdout[data.TARGET] - holdout[data.TARGET].median())
points.append({"step": 0, "name": "baseline_mae", "value": float(np.mean(constant))})
with Path(os.environ["EDGE_METRICS_FILE"]).open("a") as file:
    file.writelines(json.dumps(point) + "\n" for point in points)
probe = pd.DataFrame(features[:PROBE_ROWS]).to_dict(orient="split", index=False)
Path(os.environ["EDGE_PROBE_FILE"]).write_text(json.dumps({"dataframe_split": probe}))
