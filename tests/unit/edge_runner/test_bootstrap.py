"""The first lines in a container, run as a process: what arrives whole runs, anything else ends with 75."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from edge_runner import bootstrap, protocol
from edge_training.jobs import RUNNER_FOLDER, EdgeJob


@pytest.fixture
def volume(tmp_path):
    """The job's volume, and beside it the memory file system."""
    (tmp_path / "code").mkdir()
    return tmp_path


PLAIN = EdgeJob("train", "k" * 64, "image", {}, code={"train.py": b"pass"})
SECRET = replace(PLAIN, secrets={"sas": "top-secret"})
TORN = [
    b"",
    PLAIN.payload()[:20],
    PLAIN.payload().partition(b"\n")[0],
    PLAIN.payload().partition(b"\n")[0] + b"\n",
    PLAIN.payload()[:-1],
    PLAIN.payload()[:-1] + b"x",
    b"{}\n",
    b"[]\n",
    b"7\n",
    b"\xff\n",
    b"\n" + PLAIN.payload(),
]


def run(volume, payload: bytes | None, stdin: bytes = b"") -> subprocess.CompletedProcess:
    """Run the bootstrap on directories of the test; the step it starts finds no job directory and crashes."""
    if payload is not None:
        (volume / "payload").write_bytes(payload)
    source = (RUNNER_FOLDER / "bootstrap.py").read_text()
    for path, place in ((protocol.CODE_DIR, "code"), (bootstrap.PAYLOAD_FILE, "payload")):
        source = source.replace(f'"{path}"', f'"{volume / place}"')
    return subprocess.run(
        [sys.executable, "-c", source], input=stdin, capture_output=True, timeout=60, check=False
    )


def unpacked(volume) -> list[str]:
    return sorted(path.name for path in (volume / "code").iterdir())


def test_both_ends_agree_on_paths_names_and_exit_code():
    assert bootstrap.CODE_DIR == protocol.CODE_DIR
    assert f"{protocol.JOB_VOLUME_DIR}/{protocol.PAYLOAD_NAME}" == bootstrap.PAYLOAD_FILE
    assert bootstrap.SECRETS_NAME == protocol.SECRETS_NAME
    assert bootstrap.EXIT_NOT_DELIVERED == protocol.EXIT_NOT_DELIVERED


@pytest.mark.parametrize("payload", [None, *TORN])
def test_work_that_does_not_lie_there_whole_runs_nothing(volume, payload):
    done = run(volume, payload)
    assert done.returncode == protocol.EXIT_NOT_DELIVERED
    assert done.stdout == b""
    assert unpacked(volume) == []


@pytest.mark.parametrize("stdin", [b"", SECRET.message()[:-1], b"{}\n", SECRET.message().partition(b"\n")[0]])
def test_secrets_that_did_not_arrive_whole_run_nothing(volume, stdin):
    done = run(volume, SECRET.payload(), stdin)
    assert done.returncode == protocol.EXIT_NOT_DELIVERED
    assert done.stdout == b""
    assert unpacked(volume) == []


def test_work_without_secrets_waits_for_no_terminal(volume):
    done = run(volume, PLAIN.payload())
    assert done.returncode != protocol.EXIT_NOT_DELIVERED
    assert (volume / "code" / "model" / "train.py").read_bytes() == b"pass"
    assert (volume / "code" / "secrets.json").read_bytes() == b"{}"
    assert bootstrap.RECEIVED.encode() not in done.stdout.splitlines()


def test_secrets_are_acknowledged_and_are_no_part_of_what_lies_on_the_disk(volume):
    done = run(volume, SECRET.payload(), SECRET.message())
    assert done.stdout.splitlines()[0].decode() == bootstrap.RECEIVED
    assert (volume / "code" / "secrets.json").read_bytes() == b'{"sas":"top-secret"}'
    assert b"top-secret" not in SECRET.payload()


def test_what_follows_the_secrets_is_left_alone(volume):
    """A second worker that delivers at the same time does no harm once the first has delivered."""
    done = run(volume, SECRET.payload(), SECRET.message() * 2)
    assert done.stdout.splitlines()[0].decode() == bootstrap.RECEIVED


def test_a_restarted_container_finds_its_work_again(volume):
    run(volume, PLAIN.payload())
    shutil.rmtree(volume / "code")
    (volume / "code").mkdir()
    run(volume, None)
    assert "edge_runner" in unpacked(volume)
