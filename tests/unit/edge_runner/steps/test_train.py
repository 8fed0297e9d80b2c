"""A training's end is one verdict; what it leaves for the next try is checkpoints and metrics."""

from __future__ import annotations

import json
import resource

import pytest

from edge_runner.protocol import StepError
from edge_runner.steps import train

REQUEST = {
    "script": "train.py",
    "partition": "2013-02-01",
    "seed": 7,
    "params": {"max_iter": 60},
    "threads": 1,
    "time_limit_s": 60,
}
SAVE_MODEL = """
import json, os, pathlib
model = pathlib.Path(os.environ["EDGE_MODEL_DIR"])
model.mkdir()
(model / "MLmodel").touch()
"""


@pytest.fixture
def ran(dirs):
    """Write the training script and run the step."""

    def run(source: str, **changes) -> dict:
        (dirs.code / "model" / "train.py").write_text(source)
        return train.run(REQUEST | changes, {}, dirs)

    return run


def test_a_training_hands_on_its_last_metrics(ran):
    value = ran(
        SAVE_MODEL
        + """
with open(os.environ["EDGE_METRICS_FILE"], "a") as file:
    for step in range(3):
        file.write(json.dumps({"step": step, "name": "mae", "value": 9.0 - step}) + "\\n")
"""
    )
    assert value["metrics"] == {"mae": 7.0}
    assert value["seconds"] >= 0
    assert value["peak_memory_bytes"] > 2**20
    assert value["hardware"]["memory_bytes"] > value["peak_memory_bytes"]


def test_the_peak_of_memory_is_what_the_script_had_at_once(ran):
    of_others = (
        resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    size_bytes = max(of_others) * 1024 + 100 * 2**20  # more than these tests and what they have started
    used = f"x = bytearray(b'1') * {size_bytes}; del x\n"
    assert ran(SAVE_MODEL + used)["peak_memory_bytes"] >= size_bytes


def test_a_script_is_told_all_it_needs_by_variables(ran, dirs):
    ran(
        SAVE_MODEL
        + """
assert json.load(open(os.environ["EDGE_PARAMS_FILE"])) == {"max_iter": 60}
assert (os.environ["EDGE_PARTITION"], os.environ["EDGE_SEED"]) == ("2013-02-01", "7")
assert pathlib.Path(os.environ["EDGE_DATA_DIR"]).is_dir()
pathlib.Path(os.environ["EDGE_CHECKPOINT_DIR"], "mark").touch()
"""
    )
    assert (dirs.job / "checkpoints" / "mark").exists()


def test_checkpoints_and_metrics_of_an_earlier_try_are_found_and_its_half_model_is_gone(ran, dirs):
    (dirs.job / "checkpoints").mkdir()
    (dirs.job / "checkpoints" / "mark").touch()
    (dirs.job / "model").mkdir()
    (dirs.job / "model" / "half").touch()
    (dirs.job / "metrics.jsonl").write_text(json.dumps({"step": 1, "name": "mae", "value": 3.0}) + "\n")
    resumed = SAVE_MODEL + 'assert pathlib.Path(os.environ["EDGE_CHECKPOINT_DIR"], "mark").exists()'
    assert ran(resumed)["metrics"] == {"mae": 3.0}
    assert [path.name for path in (dirs.job / "model").iterdir()] == ["MLmodel"]


def test_what_an_interrupted_try_was_writing_does_not_mislead_the_next_one(ran, dirs):
    (dirs.job / "checkpoints" / "step-3.partial").mkdir(parents=True)
    (dirs.job / "metrics.jsonl").write_text('{"step": 1, "na')
    resumed = """
assert os.listdir(os.environ["EDGE_CHECKPOINT_DIR"]) == []
with open(os.environ["EDGE_METRICS_FILE"], "a") as file:
    file.write(json.dumps({"step": 1, "name": "mae", "value": 3.0}) + "\\n")
"""
    assert ran(SAVE_MODEL + resumed)["metrics"] == {"mae": 3.0}


@pytest.mark.parametrize(
    ("source", "changes", "kind", "sentence"),
    [
        ("import sys; sys.exit(3)", {}, "TrainingFailed", "train.py ended with exit code 3"),
        ("import os; os.kill(os.getpid(), 11)", {}, "TrainingFailed", "train.py ended with signal 11"),
        ("import torch_that_is_not_there", {}, "TrainingFailed", "add the missing package"),
        ("", {}, "NoModel", "left no MLmodel in EDGE_MODEL_DIR"),
        ("import time; time.sleep(100)", {"time_limit_s": 1}, "TimeLimit", "longer than its limit of 1 s"),
        ("", {"script": "fit.py"}, "BadRequest", "no script 'fit.py'; correct `training_script`"),
        ("", {"script": "../../etc/passwd"}, "BadRequest", "no script"),
    ],
)
def test_every_bad_end_has_its_sentence(ran, source, changes, kind, sentence):
    with pytest.raises(StepError) as caught:
        ran(source, **changes)
    assert caught.value.kind == kind
    assert sentence in caught.value.message


def test_a_failure_carries_exit_code_and_last_lines(ran):
    with pytest.raises(StepError) as caught:
        ran("import sys; print('loss is nan'); sys.exit(3)")
    assert caught.value.details == {"exit_code": 3, "last_lines": ["loss is nan"]}
