"""The first lines in a container, run as a process: what arrives whole runs, anything else ends with 75."""

from __future__ import annotations

import subprocess
import sys

import pytest

from edge_runner import bootstrap, protocol
from edge_training.jobs import RUNNER_FOLDER, EdgeJob


@pytest.fixture
def source(tmp_path) -> str:
    """The bootstrap, unpacking below a directory of the test."""
    text = (RUNNER_FOLDER / "bootstrap.py").read_text()
    (tmp_path / "code").mkdir()
    return text.replace(f'CODE_DIR = "{protocol.CODE_DIR}"', f'CODE_DIR = "{tmp_path / "code"}"')


def run(source: str, stdin: bytes) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", source], input=stdin, capture_output=True, timeout=60, check=False
    )


PAYLOAD = EdgeJob("train", "k" * 64, "image", {}, code={"train.py": b"pass"}).payload()


def test_both_ends_agree_on_paths_and_exit_code():
    assert (bootstrap.CODE_DIR, bootstrap.EXIT_NOT_DELIVERED) == (
        protocol.CODE_DIR,
        protocol.EXIT_NOT_DELIVERED,
    )


@pytest.mark.parametrize(
    "stdin",
    [
        b"",
        PAYLOAD[:20],
        PAYLOAD.partition(b"\n")[0],
        PAYLOAD.partition(b"\n")[0] + b"\n",
        PAYLOAD[:-1],
        PAYLOAD[:-1] + b"x",
        b"{}\n",
        b"[]\n",
        b"7\n",
        b"\xff\n",
        b"\n" + PAYLOAD,
    ],
)
def test_what_did_not_arrive_whole_runs_nothing(source, stdin, tmp_path):
    done = run(source, stdin)
    assert done.returncode == protocol.EXIT_NOT_DELIVERED
    assert done.stdout == b""
    assert list((tmp_path / "code").iterdir()) == []


def test_what_arrived_whole_is_unpacked_and_started(source, tmp_path):
    done = run(source, PAYLOAD)
    assert done.stdout.startswith(b"The work has arrived.\n")
    assert (tmp_path / "code" / "model" / "train.py").read_bytes() == b"pass"


def test_what_follows_the_announced_bytes_is_left_alone(source):
    """A second worker that delivers at the same time does no harm once the first has delivered."""
    assert run(source, PAYLOAD + PAYLOAD).stdout.startswith(b"The work has arrived.\n")
