"""The model as MLflow serves it: its weights are one plain array beside this file, so nothing is pickled."""

from __future__ import annotations

from typing import Any

import features  # type: ignore[import-not-found]  # travels with the model
import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel


class Linear(PythonModel):
    """A linear model of delays."""

    def load_context(self, context: Any) -> None:
        """Read the weights."""
        self.weights = np.load(context.artifacts["weights"])

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        """Minutes of delay, one for each row."""
        return features.matrix(model_input) @ self.weights


set_model(Linear())
