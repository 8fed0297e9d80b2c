"""Whatever a step does, one result is left and one exit code says how it went."""

from __future__ import annotations

import json

import pytest

from edge_runner import protocol
from edge_runner.__main__ import main


@pytest.fixture
def ask(dirs):
    """Run one step as the bootstrap does; gives exit code and result."""

    def asked(step: str, request: dict) -> tuple[int, dict]:
        message = {"protocol": protocol.PROTOCOL, "step": step, "request": request}
        (dirs.code / "request.json").write_bytes(protocol.canonical_json(message))
        (dirs.code / "secrets.json").write_text('{"sas": "top-secret"}')
        exit_code = main(dirs)
        return exit_code, json.loads((dirs.job / "result.json").read_bytes())

    return asked


TRAINING = {"script": "train.py", "partition": "p", "seed": 1, "params": {}, "threads": 1, "time_limit_s": 60}


def test_a_step_that_did_its_work_leaves_its_value(ask, dirs):
    (dirs.code / "model" / "train.py").write_text(
        "import os; folder = os.environ['EDGE_MODEL_DIR']; os.mkdir(folder); open(folder + '/MLmodel', 'w')"
    )
    exit_code, result = ask("train", TRAINING)
    assert (exit_code, result["outcome"], result["step"]) == (0, "succeeded", "train")
    assert result["value"]["metrics"] == {}


def test_a_refusal_leaves_its_sentence(ask, capsys):
    exit_code, result = ask("train", TRAINING)
    assert (exit_code, result["outcome"]) == (1, "refused")
    assert result["error"]["kind"] == "BadRequest"
    assert "train: BadRequest: The model's code has no script 'train.py'" in capsys.readouterr().out


def test_a_crash_names_type_and_place_and_never_the_exceptions_text(ask, dirs, capsys):
    """A library's exception may quote a row."""
    (dirs.code / "model" / "train.py").touch()
    exit_code, result = ask("train", TRAINING | {"threads": "secret row value"})
    assert (exit_code, result["error"]["kind"]) == (1, "StepCrashed")
    assert "ValueError at" in result["error"]["message"]
    assert "secret row value" not in json.dumps(result) + capsys.readouterr().out


def test_a_step_nobody_has_is_a_crash_with_a_sentence(ask):
    _, result = ask("fly", {})
    assert result["error"]["kind"] == "StepCrashed"
    assert "ModuleNotFoundError" in result["error"]["message"]


def test_the_result_of_an_earlier_try_does_not_outlive_the_next_one(ask, dirs):
    (dirs.job / "result.json").write_text("stale")
    _, result = ask("train", TRAINING)
    assert result["outcome"] == "refused"


def test_a_script_finds_no_secrets(ask, dirs):
    (dirs.code / "model" / "train.py").write_text(
        "import os, pathlib, sys\n"
        "left = [p for p in pathlib.Path('..').rglob('secrets.json')]\n"
        "sys.exit(7 if left or 'top-secret' in str(os.environ) else 0)"
    )
    _, result = ask("train", TRAINING)
    assert result["error"]["kind"] == "NoModel"
