"""Bridges whose other process is a script of the test's."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_training.adapters.bridge.client import Bridge

OPENED = 'print(json.dumps({"version": 1, "value": None}), flush=True)'
LOOP = f"""
import json, os, signal, sys, time
sys.stdin.readline()
{OPENED}
for line in sys.stdin:
    call = json.loads(line)
"""
TELL_PID = LOOP + "    print(json.dumps({'version': 1, 'value': os.getpid()}), flush=True)\n"


@pytest.fixture
def interpreter(tmp_path) -> Callable[[str], Path]:
    """Make an interpreter that runs a script of ours, whatever it is asked to run."""

    def make(source: str) -> Path:
        (tmp_path / "other.py").write_text(source)
        python = tmp_path / "python"
        python.write_text(f'#!/bin/sh\nexec {sys.executable} "{tmp_path / "other.py"}"\n')
        python.chmod(0o755)
        return python

    return make


@pytest.fixture
def scripted(interpreter) -> Iterator[Callable[[str], Bridge]]:
    """Make a bridge whose other process is a script of ours."""
    made: list[Bridge] = []

    def make(source: str) -> Bridge:
        made.append(Bridge(interpreter(source), {"kind": "mlflow", "password": "hunter2"}))
        return made[-1]

    yield make
    for bridge in made:
        bridge.close()
