"""A scikit-learn model in ONNX, which onnxruntime answers for, saved where the job looks for the model."""

from __future__ import annotations

import os

import data
import mlflow.onnx
import numpy as np
from mlflow.models import infer_signature
from skl2onnx import to_onnx
from sklearn.ensemble import GradientBoostingRegressor

train = data.read("train")
features = train[data.FEATURES].astype("float32")
model = GradientBoostingRegressor(n_estimators=20, random_state=1)
model.fit(features.to_numpy(), train[data.TARGET])
network = to_onnx(model, features.to_numpy()[:1])
answers = model.predict(features.to_numpy()).astype(np.float32).reshape(-1, 1)
signature = infer_signature(features, {"variable": answers})
mlflow.onnx.save_model(network, os.environ["EDGE_MODEL_DIR"], signature=signature)
