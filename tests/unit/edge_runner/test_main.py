"""Whatever a step does, one result is left and one exit code says how it went."""

from __future__ import annotations

import errno
import json

import pytest

from edge_runner import protocol
from edge_runner.__main__ import is_done, main, run_step
from edge_runner.protocol import StepError


@pytest.fixture
def ask(dirs):
    """Run one step as the bootstrap does; gives exit code and result."""

    def asked(step: str, request: dict) -> tuple[int, dict | None]:
        message = {"protocol": protocol.PROTOCOL, "step": step, "request": request}
        (dirs.code / "request.json").write_bytes(protocol.canonical_json(message))
        (dirs.code / "secrets.json").write_text('{"sas": "top-secret"}')
        exit_code = main(dirs)
        result = dirs.job / "result.json"
        return exit_code, json.loads(result.read_bytes()) if result.exists() else None

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


def test_a_container_that_has_done_its_work_is_not_asked_twice(ask, dirs, monkeypatch):
    """A second start of the same container; another one on the same volume begins anew."""
    assert not is_done(dirs)
    ask("train", TRAINING)
    assert not is_done(dirs)
    (dirs.code / "model" / "train.py").write_text(
        "import os; folder = os.environ['EDGE_MODEL_DIR']; os.mkdir(folder); open(folder + '/MLmodel', 'w')"
    )
    ask("train", TRAINING)
    assert is_done(dirs)
    monkeypatch.setattr("platform.node", lambda: "another")
    assert not is_done(dirs)


def test_a_result_that_finds_no_room_is_74_and_a_sentence(ask, dirs, capsys):
    (dirs.job / ".result.json.partial").symlink_to("/dev/full")
    (dirs.job / "result.json").write_text("{}")
    exit_code, result = ask("train", TRAINING)
    assert (exit_code, result) == (protocol.EXIT_DISK_FULL, None)
    assert "takes no more data (No space left on device): let maintain_site" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.ENOSPC, "DiskFull"), (errno.EDQUOT, "DiskFull"), (errno.EACCES, "StepCrashed")],
)
def test_a_step_without_room_says_so(dirs, number, kind):
    class Full(dict):
        """A request that cannot be read for a reason of the disk's."""

        def __getitem__(self, name):
            raise OSError(number, "a reason")

    with pytest.raises(StepError) as caught:
        run_step("train", Full(), {}, dirs)
    assert caught.value.kind == kind


def test_a_script_finds_no_secrets(ask, dirs):
    (dirs.code / "model" / "train.py").write_text(
        "import os, pathlib, sys\n"
        "left = [p for p in pathlib.Path('..').rglob('secrets.json')]\n"
        "sys.exit(7 if left or 'top-secret' in str(os.environ) else 0)"
    )
    _, result = ask("train", TRAINING)
    assert result["error"]["kind"] == "NoModel"
