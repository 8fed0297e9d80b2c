"""XGBoost, logged by MLflow itself: the script saves nothing."""

from __future__ import annotations

import data
import mlflow
from xgboost import XGBRegressor

mlflow.xgboost.autolog()
train = data.read("train")
with mlflow.start_run():
    XGBRegressor(n_estimators=20, n_jobs=1, random_state=1).fit(train[data.FEATURES], train[data.TARGET])
