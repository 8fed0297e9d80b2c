"""Evaluation on real MLflow models: metrics, gates, the answers that the serving image is held against."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import mlflow.pyfunc
import pytest
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
from tests.unit.edge_runner.contracts.documents import column
from tests.unit.edge_runner.contracts.documents import contract as document

from edge_runner.listing import bundle_digest, list_files
from edge_runner.protocol import StepError, canonical_json
from edge_runner.steps import evaluate

REQUEST = {
    "script": "evaluate.py",
    "partition": "2013-02-01",
    "seed": 7,
    "params": {},
    "threads": 1,
    "time_limit_s": 60,
    "gates": [],
}
PROBE = {"dataframe_split": {"columns": ["distance"], "data": [[1.0], [2.0]]}}


def script(metrics: str = "mae=4.0", probe: object = PROBE) -> str:
    """An evaluation script that writes these metrics and this probe."""
    return f"""
import json, os
with open(os.environ["EDGE_METRICS_FILE"], "a") as file:
    for name, value in dict({metrics}).items():
        file.write(json.dumps(dict(step=0, name=name, value=value)) + "\\n")
if {probe!r} is not None:
    json.dump({probe!r}, open(os.environ["EDGE_PROBE_FILE"], "w"))
"""


class TenTimes(mlflow.pyfunc.PythonModel):
    """Ten minutes of delay a mile."""

    def predict(self, context, model_input):
        return (model_input["distance"] * 10).to_numpy()


class TwoColumns(mlflow.pyfunc.PythonModel):
    """Answers with a column more than it was asked with."""

    def predict(self, context, model_input):
        return model_input.assign(hours=model_input["distance"] / 2)


def saved(folder: Path, python_model: mlflow.pyfunc.PythonModel, number: str = "double") -> Path:
    """A model directory as a training script leaves it."""
    signature = ModelSignature(inputs=Schema([ColSpec(number, "distance")]))
    mlflow.pyfunc.save_model(folder, python_model=python_model, signature=signature, pip_requirements=[])
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A model that answers with ten times its one column."""
    return saved(tmp_path_factory.mktemp("trained") / "model", TenTimes())


@pytest.fixture
def ran(dirs, model):
    """Write the evaluation script and run the step on the trained model."""
    shutil.copytree(model, dirs.inputs / "train" / "model")

    def run(source: str, **changes) -> dict:
        (dirs.code / "model" / "evaluate.py").write_text(source)
        return evaluate.run(REQUEST | changes, {}, dirs)

    return run


def test_metrics_gates_and_the_models_answers_are_kept(ran, dirs):
    gates = [{"metric": "mae", "at_most": 5.0}]
    value = ran(script(), gates=gates)
    verdict = {"metric": "mae", "bound": "at_most", "limit": 5.0, "value": 4.0, "passed": True}
    assert value == {
        "metrics": {"mae": 4.0},
        "gates": [verdict],
        "slices": [],
        "champion_version": None,
        "probe_rows": 2,
    }
    probe = json.loads((dirs.job / "probe.json").read_bytes())
    assert probe["inputs"] == PROBE
    assert probe["predictions"] == pytest.approx([10.0, 20.0])
    assert not (dirs.job / "request.json").exists()


def test_what_may_leave_holds_no_row(ran, dirs):
    ran(script())
    report = json.loads((dirs.job / "evaluation.json").read_bytes())
    assert set(report) == {"partition", "metrics", "gates", "slices", "champion_version"}


GROUPS = {"UA": 120, "DL": 110, "OO": 4, "B6": 7}
BY_CARRIER = {"metric": "mae", "at_most": 5.0, "slice": "carrier", "min_rows": 100}


def with_groups(classification: str = "") -> tuple[str, str]:
    """A script that reports groups, and a contract that says who may see them."""
    lines = [
        {"step": 0, "name": "mae", "value": 6.0, "slice": {"carrier": name}, "rows": rows}
        for name, rows in GROUPS.items()
    ]
    source = f"""{script()}
with open(os.environ["EDGE_METRICS_FILE"], "a") as file:
    for line in {lines!r}:
        file.write(json.dumps(line) + "\\n")
"""
    described = column("carrier", "string", **({"classification": classification} if classification else {}))
    return source, document(described)


def test_groups_below_ten_rows_do_not_leave_the_site(ran, dirs):
    source, contract = with_groups()
    value = ran(source, gates=[BY_CARRIER], contract=contract)
    (verdict,) = value["gates"]
    assert (verdict["group"], verdict["rows"], verdict["passed"]) == ("UA", 120, False)
    assert value["metrics"] == {"mae": 4.0}
    left = canonical_json(value) + (dirs.job / "evaluation.json").read_bytes()
    assert b"UA" in left
    assert not any(name in left for name in (b"OO", b"B6"))


@pytest.mark.parametrize(
    ("classification", "told"), [("", {"UA", "DL"}), ("public", set(GROUPS)), ("Restricted", set())]
)
def test_the_contract_says_what_may_be_told_of_groups(ran, classification, told):
    source, contract = with_groups(classification)
    value = ran(source, gates=[BY_CARRIER], contract=contract)
    assert {group["group"] for group in value["slices"][0]["groups"]} == told
    assert value["gates"][0]["passed"] is False


CHAMPION = {"version": "3", "bundle_digest": ""}
RELATIVE = {"metric": "mae", "above_champion_by": 0.5}


@pytest.fixture
def measured(dirs, model):
    """Deliver a champion and measure it by a script."""

    def run(source: str, spoil: bool = False) -> dict:
        shutil.copytree(model, dirs.delivered / "model", dirs_exist_ok=True)
        digest = bundle_digest(list_files(dirs.delivered))
        if spoil:
            next((dirs.delivered / "model").iterdir()).unlink()
        (dirs.code / "model" / "evaluate.py").write_text(source)
        request = {name: value for name, value in REQUEST.items() if name != "gates"}
        return evaluate.run(request | {"champion": CHAMPION | {"bundle_digest": digest}}, {}, dirs)

    return run


def test_the_champion_is_measured_by_this_runs_script_and_leaves_no_row(measured, dirs):
    source = script() + 'assert os.path.exists(os.environ["EDGE_MODEL_DIR"] + "/MLmodel")'
    assert measured(source) == {"metrics": {"mae": 4.0}}
    assert not (dirs.job / "request.json").exists()
    assert not (dirs.job / "probe.json").exists()


@pytest.mark.parametrize("source", ["import sys; sys.exit(3)", script(metrics="")])
def test_a_champion_that_the_script_cannot_read_ends_with_the_remedy(measured, source):
    with pytest.raises(StepError) as caught:
        measured(source)
    assert caught.value.kind == "EvaluationFailed"
    assert caught.value.message.startswith("Version 3, the champion, cannot be measured: evaluate.py ")
    assert "take above_champion_by and below_champion_by out of the gates" in caught.value.message


def test_a_champion_that_did_not_arrive_whole_is_delivered_again(measured):
    with pytest.raises(StepError, match="did not arrive whole") as caught:
        measured(script(), spoil=True)
    assert caught.value.kind == "JobInterrupted"


@pytest.mark.parametrize(("of_champion", "passed"), [(3.5, True), (3.0, False)])
def test_a_model_is_held_against_what_the_champions_job_has_left(ran, dirs, of_champion, passed):
    (dirs.inputs / "champion").mkdir()
    left = {"step": 0, "name": "mae", "value": of_champion}
    (dirs.inputs / "champion" / "metrics.jsonl").write_text(json.dumps(left))
    value = ran(script(), gates=[RELATIVE], champion={"version": "3", "note": ""})
    (verdict,) = value["gates"]
    assert (verdict["champion_value"], verdict["passed"]) == (of_champion, passed)
    assert value["champion_version"] == "3"


def test_a_model_without_a_champion_passes_and_says_so(ran):
    told = {"version": "", "note": "there is no champion yet"}
    (verdict,) = ran(script(), gates=[RELATIVE], champion=told)["gates"]
    assert (verdict["passed"], verdict["note"]) == (True, "there is no champion yet")


def test_metrics_of_an_earlier_try_do_not_count(ran, dirs):
    (dirs.job / "metrics.jsonl").write_text('{"step": 0, "name": "stale", "value": 1}\n')
    assert ran(script())["metrics"] == {"mae": 4.0}


pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")
UNFIT = {"dataframe_split": {"columns": ["weight"], "data": [[1.0]]}}


@pytest.mark.parametrize(
    ("source", "changes", "kind", "sentence"),
    [
        ("import sys; sys.exit(3)", {}, "EvaluationFailed", "evaluate.py ended with exit code 3"),
        (script(metrics=""), {}, "EvaluationFailed", "wrote no metric to EDGE_METRICS_FILE"),
        (script(probe=None), {}, "EvaluationFailed", "wrote no EDGE_PROBE_FILE"),
        (script(probe=UNFIT), {}, "EvaluationFailed", "make its signature fit the columns"),
        (script(probe={"inputs": []}), {}, "EvaluationFailed", "cannot answer EDGE_PROBE_FILE (KeyError)"),
        (script(probe=[1]), {}, "EvaluationFailed", "cannot answer EDGE_PROBE_FILE (TypeError)"),
        ("import time; time.sleep(100)", {"time_limit_s": 1}, "TimeLimit", "longer than its limit of 1 s"),
        ("", {"script": "judge.py"}, "BadRequest", "correct `evaluation_script`"),
    ],
)
def test_every_bad_end_has_its_sentence(ran, source, changes, kind, sentence):
    with pytest.raises(StepError) as caught:
        ran(source, **changes)
    assert caught.value.kind == kind
    assert sentence in caught.value.message


def test_a_probe_that_is_no_json_has_its_sentence(ran):
    source = script(probe=None) + 'open(os.environ["EDGE_PROBE_FILE"], "w").write("{")'
    with pytest.raises(StepError, match="cannot answer EDGE_PROBE_FILE") as caught:
        ran(source)
    assert caught.value.kind == "EvaluationFailed"


@pytest.mark.parametrize(
    ("gate", "value"),
    [({"metric": "mae", "at_most": 3.0}, 4.0), ({"metric": "r2", "at_least": 0.5}, None)],
)
def test_a_gate_that_is_not_passed_or_has_no_metric_is_handed_on_as_such(ran, dirs, gate, value):
    (verdict,) = ran(script(), gates=[gate])["gates"]
    assert (verdict["metric"], verdict["value"], verdict["passed"]) == (gate["metric"], value, False)
    assert json.loads((dirs.job / "evaluation.json").read_bytes())["gates"] == [verdict]


@pytest.mark.parametrize("number", ["float", "integer"])
def test_a_probe_is_read_by_the_signature_as_the_server_reads_it(tmp_path, number):
    """JSON has one kind of number, and MLflow refuses 64-bit ones where the signature says 32."""
    probe = {"dataframe_split": {"columns": ["distance"], "data": [[1], [2]]}}
    assert evaluate.predict(saved(tmp_path / "model", TenTimes(), number), probe) == [10, 20]


def test_a_model_that_answers_with_columns_is_recorded_row_by_row(tmp_path):
    """As its server will answer: one object a row."""
    assert evaluate.predict(saved(tmp_path / "model", TwoColumns()), PROBE) == [
        {"distance": 1.0, "hours": 0.5},
        {"distance": 2.0, "hours": 1.0},
    ]
