"""Evaluation: run the user's script on the holdout, hold its metrics against the gates, record what the model
answers; or measure the champion by the same script, for the gates that ask for it.

A gate that is not passed is a finding, not an error: the model is registered all the same, as rejected, with
the reason.

The script writes metrics and a probe: a scoring request of a few holdout rows. The runner itself loads the
model as MLflow serves it and records its predictions, so that the serving image can later be held against
them. The probe stays on the site.

Request: `{script, partition, seed, params, threads, time_limit_s, gates, champion, contract}`; `gates` as in
`gates.py`, `champion` is `{version, note}` or None, `contract` its text where a gate has a slice.
Value: `{metrics: {name: value}, gates: [verdict], slices, champion_version, probe_rows}`.

The champion's request has `champion: {version, bundle_digest}` and no gates, its value `{metrics}`. What was
measured of it in groups stays on the site.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_runner.gates import CHAMPION_INPUT, NOBODY, Champion, Measured, judge, told_slices
from edge_runner.listing import EVALUATION_PATH, METRICS_PATH, MODEL_NAME, bundle_digest, list_files
from edge_runner.profiles.record import classifications
from edge_runner.protocol import PROBE_NAME, Dirs, StepError, canonical_json, write_atomically
from edge_runner.script import common_variables, require_script, run_script
from edge_runner.script_end import require_success

ASKED_NAME = "request.json"
"""The scoring request as the script wrote it, before it is answered."""


def run(request: Mapping[str, Any], secrets: Mapping[str, str], dirs: Dirs) -> dict[str, Any]:
    """Evaluate one trained model, or the champion.

    Raises:
        StepError: kinds `BadRequest`, `JobInterrupted`, `TimeLimit` or `EvaluationFailed`.
    """
    script = str(request["script"])
    require_script(dirs, script, "evaluation_script")
    if "gates" not in request:
        return {"metrics": measure_champion(request, script, dirs).metrics}
    model = dirs.inputs / "train" / MODEL_NAME
    measured = run_evaluation(request, script, model, dirs)
    found = hold_against_gates(request, measured, dirs)
    probe_rows = record_predictions(model, dirs.job / ASKED_NAME, dirs.job / PROBE_NAME, script)
    write_atomically(dirs.job / EVALUATION_PATH, canonical_json({"partition": request["partition"], **found}))
    return {**found, "probe_rows": probe_rows}


def measure_champion(request: Mapping[str, Any], script: str, dirs: Dirs) -> Measured:
    """What the script measures of the champion, whose bundle was delivered.

    Raises:
        StepError: As `run`; kind `JobInterrupted`, too, when the bundle did not arrive whole.
    """
    champion = request["champion"]
    if bundle_digest(list_files(dirs.delivered)) != champion["bundle_digest"]:
        raise StepError(
            "JobInterrupted",
            f"The files of version {champion['version']}, the champion, did not arrive whole on the site; "
            "the next try delivers them again.",
        )
    try:
        return run_evaluation(request, script, dirs.delivered / MODEL_NAME, dirs)
    except StepError as error:
        if error.kind != "EvaluationFailed":
            raise
        raise StepError(
            error.kind,
            f"Version {champion['version']}, the champion, cannot be measured: {error.message.rstrip('.')}. "
            f"Let {script} read that model as well, or take above_champion_by and below_champion_by out of "
            "the gates until a model that it can read is champion.",
            error.details,
        ) from None
    finally:
        (dirs.job / ASKED_NAME).unlink(missing_ok=True)  # it holds rows, and nobody answers it


def hold_against_gates(request: Mapping[str, Any], measured: Measured, dirs: Dirs) -> dict[str, Any]:
    """All that leaves of an evaluation: metrics, verdicts, the slices that gates ask for."""
    gates, contract = request["gates"], request.get("contract")
    columns = classifications(contract) if contract else {}
    champion = read_champion(request.get("champion"), dirs)
    return {
        "metrics": measured.metrics,
        "gates": judge(gates, measured, champion, columns),
        "slices": told_slices(gates, measured, columns),
        "champion_version": champion.version,
    }


def read_champion(told: Mapping[str, Any] | None, dirs: Dirs) -> Champion:
    """With what the model is compared; its own job has left what was measured of it."""
    if told is None:
        return NOBODY
    metrics_file = dirs.inputs / CHAMPION_INPUT / METRICS_PATH
    return Champion(told["version"], told["note"], None if told["note"] else Measured.read(metrics_file))


def run_evaluation(request: Mapping[str, Any], script: str, model: Path, dirs: Dirs) -> Measured:
    """Run the script and turn a bad end into a sentence."""
    (dirs.job / METRICS_PATH).unlink(missing_ok=True)
    variables = common_variables(request, model, dirs) | {"EDGE_PROBE_FILE": str(dirs.job / ASKED_NAME)}
    time_limit_s = float(request["time_limit_s"])
    end = run_script(dirs, script, variables, int(request["threads"]), time_limit_s)
    require_success(end, script, time_limit_s, "EvaluationFailed", "evaluate")
    measured = Measured.read(dirs.job / METRICS_PATH)
    if not measured.metrics:
        raise StepError(
            "EvaluationFailed",
            f"{script} wrote no metric to EDGE_METRICS_FILE; append lines of step, name and value.",
        )
    return measured


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
    from mlflow.utils.proto_json_utils import dataframe_from_parsed_json

    warnings.filterwarnings("ignore")
    loaded = mlflow.pyfunc.load_model(str(model))
    # JSON knows one kind of number: the server reads a request by the signature, 32-bit floats included.
    schema = loaded.metadata.get_input_schema()
    predictions = loaded.predict(
        dataframe_from_parsed_json(  # type: ignore[no-untyped-call]  # MLflow's
            inputs["dataframe_split"], "split", schema
        )
    )
    if isinstance(predictions, pd.DataFrame):  # the server answers one object a row
        return list(predictions.to_dict(orient="records"))
    return list(predictions.tolist() if hasattr(predictions, "tolist") else predictions)
