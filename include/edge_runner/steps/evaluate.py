"""Evaluation: run the user's script on the holdout, hold its metrics against the gates, record what the model
answers.

A gate that is not passed is a finding, not an error: the model is registered all the same, as rejected, with
the reason.

The script writes metrics and a probe: a scoring request of a few holdout rows. The runner itself loads the
model as MLflow serves it and records its predictions, so that the serving image can later be held against
them. The probe stays on the site.

Request: `{script, partition, seed, params, threads, time_limit_s, gates: [{metric, at_most | at_least}]}`.
Value: `{metrics: {name: value}, gates: [{metric, bound, limit, value, passed}], probe_rows}`.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_runner.listing import EVALUATION_PATH, METRICS_PATH, MODEL_NAME
from edge_runner.metrics import last_values
from edge_runner.protocol import PROBE_NAME, Dirs, StepError, canonical_json, write_atomically
from edge_runner.script import common_variables, require_script, run_script
from edge_runner.script_end import require_success

ASKED_NAME = "request.json"
"""The scoring request as the script wrote it, before it is answered."""


def run(request: Mapping[str, Any], secrets: Mapping[str, str], dirs: Dirs) -> dict[str, Any]:
    """Evaluate one trained model.

    Raises:
        StepError: kinds `BadRequest`, `JobInterrupted`, `TimeLimit` or `EvaluationFailed`.
    """
    script = str(request["script"])
    require_script(dirs, script, "evaluation_script")
    model = dirs.inputs / "train" / MODEL_NAME
    run_evaluation(request, script, model, dirs)
    metrics = last_values(dirs.job / METRICS_PATH)
    if not metrics:
        raise StepError(
            "EvaluationFailed",
            f"{script} wrote no metric to EDGE_METRICS_FILE; append lines of step, name and value.",
        )
    gates = judge(metrics, request["gates"])
    probe_rows = record_predictions(model, dirs.job / ASKED_NAME, dirs.job / PROBE_NAME, script)
    write_atomically(
        dirs.job / EVALUATION_PATH,
        canonical_json({"partition": request["partition"], "metrics": metrics, "gates": gates}),
    )
    return {"metrics": metrics, "gates": gates, "probe_rows": probe_rows}


def run_evaluation(request: Mapping[str, Any], script: str, model: Path, dirs: Dirs) -> None:
    """Run the script and turn a bad end into a sentence."""
    (dirs.job / METRICS_PATH).unlink(missing_ok=True)
    variables = common_variables(request, model, dirs) | {"EDGE_PROBE_FILE": str(dirs.job / ASKED_NAME)}
    time_limit_s = float(request["time_limit_s"])
    end = run_script(dirs, script, variables, int(request["threads"]), time_limit_s)
    require_success(end, script, time_limit_s, "EvaluationFailed", "evaluate")


def judge(metrics: Mapping[str, float], gates: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Hold each gate against its metric; a metric that is missing fails its gate.

    Args:
        metrics: The holdout's metrics.
        gates: Each with `metric` and either `at_most` or `at_least`.
    """
    verdicts = []
    for gate in gates:
        value = metrics.get(gate["metric"])
        bound = "at_most" if "at_most" in gate else "at_least"
        limit = float(gate[bound])
        passed = value is not None and (value <= limit if bound == "at_most" else value >= limit)
        verdicts.append(
            {"metric": gate["metric"], "bound": bound, "limit": limit, "value": value, "passed": passed}
        )
    return verdicts


def record_predictions(model: Path, request_file: Path, probe_file: Path, script: str) -> int:
    """Let the model answer the probe the way its server will, and keep question and answer together.

    Returns:
        How many rows were answered.
    """
    if not request_file.is_file():
        raise StepError(
            "EvaluationFailed",
            f"{script} wrote no EDGE_PROBE_FILE; write an MLflow scoring request of a few holdout rows "
            "there.",
        )
    try:
        inputs = json.loads(request_file.read_bytes())
        predictions = predict(model, inputs)
    except Exception as error:  # noqa: BLE001  (frameworks fail in their own ways; the text may hold a row)
        raise StepError(
            "EvaluationFailed",
            f"The saved model cannot answer EDGE_PROBE_FILE ({type(error).__name__}); make its signature "
            "fit the columns written there.",
        ) from None
    request_file.unlink()
    write_atomically(probe_file, canonical_json({"inputs": inputs, "predictions": predictions}))
    return len(predictions)


def predict(model: Path, inputs: Mapping[str, Any]) -> list[Any]:
    """Predictions of an MLflow model for a scoring request, as JSON values."""
    import mlflow.pyfunc
    import pandas as pd

    warnings.filterwarnings("ignore")
    frame = pd.DataFrame(**inputs["dataframe_split"])
    predictions = mlflow.pyfunc.load_model(str(model)).predict(frame)
    if isinstance(predictions, pd.DataFrame):  # the server answers one object a row
        return list(predictions.to_dict(orient="records"))
    return list(predictions.tolist() if hasattr(predictions, "tolist") else predictions)
