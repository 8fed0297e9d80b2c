"""LightGBM, saved where the job looks for the model."""

from __future__ import annotations

import os

import data
import mlflow.lightgbm
from lightgbm import LGBMRegressor
from mlflow.models import infer_signature

train = data.read("train")
model = LGBMRegressor(n_estimators=20, n_jobs=1, random_state=1, verbose=-1)
model.fit(train[data.FEATURES], train[data.TARGET])
signature = infer_signature(train[data.FEATURES], model.predict(train[data.FEATURES]))
mlflow.lightgbm.save_model(model, os.environ["EDGE_MODEL_DIR"], signature=signature)
