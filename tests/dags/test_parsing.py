"""Parsing a DAG file does nothing but define it: Airflow does so every few seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from tests.airflow_environment import ROOT, variables

DAG_FILES = sorted(path.name for path in (ROOT / "dags").glob("*.py"))
HEAVY = (
    "aiodocker",
    "aiohttp",
    "asyncssh",
    "azure",
    "docker",
    "mlflow",
    "pandas",
    "polars",
    "pyarrow",
    "sklearn",
)
WATCHED = ("socket.connect", "socket.getaddrinfo", "sqlite3.connect", "subprocess.Popen", "os.system")
PARSE = f"""
import json, runpy, sys
import airflow.sdk, airflow.triggers.base  # what the DAG processor has imported before it parses
from airflow.sdk import BaseOperator, CronPartitionTimetable  # as above

seen, watching = [], False
def watch(event, args):
    if watching and event in {WATCHED!r}:
        seen.append([event, str(args[:2])])

class Secrets(Exception):
    pass

def refuse(*args, **kwargs):
    raise Secrets("a connection or variable was read while parsing")

airflow.sdk.BaseHook.get_connection = refuse
airflow.sdk.Variable.get = refuse
airflow.sdk.Connection.get = refuse
sys.addaudithook(watch)
watching = True
runpy.run_path(sys.argv[1], run_name="dag_file")
watching = False
heavy = [name for name in {HEAVY!r} if name in sys.modules]
print(json.dumps({{"seen": seen, "heavy": heavy}}))
"""


@pytest.fixture(scope="module", params=DAG_FILES)
def parsed(request, tmp_path_factory) -> dict:
    """What happened while a fresh interpreter parsed one DAG file."""
    done = subprocess.run(
        [sys.executable, "-c", PARSE, str(ROOT / "dags" / request.param)],
        env=os.environ | variables(tmp_path_factory.mktemp("airflow")),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_no_socket_database_process_connection_or_variable_is_touched(parsed):
    assert parsed["seen"] == []


def test_no_client_or_data_library_is_imported(parsed):
    assert parsed["heavy"] == []
