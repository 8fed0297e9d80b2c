"""An operator that follows its job in a worker: its time, and its end by a kill, are the job's too."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from tests.jobs import TRAINING_REQUEST
from tests.real_host import Engine

from edge_airflow.operators.base import EdgeJobOperator
from edge_training.jobs import EdgeJob
from edge_training.project import ModelProject

SLEEPS = "import time; print('started', flush=True); time.sleep(100)"
START_LIMIT_S = 60


class Scripted(EdgeJobOperator):
    """Runs a script as a training."""

    def __init__(self, *, script: str, name: str, image: str, **kwargs: Any) -> None:
        super().__init__(training_image=image, task_id="train_model", **kwargs)
        self.job = EdgeJob("train", name, image, TRAINING_REQUEST, code={"train.py": script.encode()})

    def build_job(self, run: object, context: object) -> EdgeJob:
        """The training."""
        return self.job


@pytest.fixture
def operator(site, behind, connect_through, monkeypatch, tmp_path) -> Callable[..., Scripted]:
    """Make an operator from its script."""
    connect_through()
    blob = {"conn_type": "wasb", "host": site.blob_endpoint, "login": "a", "password": "a2V5"}
    registry = {"conn_type": "http", "host": site.registry, "login": "edge", "password": "pw"}
    monkeypatch.setenv("AIRFLOW_CONN_EDGE_SITE_BLOB", json.dumps(blob))
    monkeypatch.setenv("AIRFLOW_CONN_EDGE_REGISTRY", json.dumps(registry))
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example")
    model = ModelProject(name="delay", folder=tmp_path, container="data", prefix="{partition}/")

    def made(script: str, **kwargs: Any) -> Scripted:
        key = uuid.uuid4().hex * 2
        task = Scripted(script=script, name=key, image=site.training_image, model=model, **kwargs)
        behind.names.append(task.job.name)
        return task

    return made


def context() -> dict[str, Any]:
    """What Airflow hands to a task."""
    task = SimpleNamespace(
        dag_id="train_delay",
        run_id="manual__1",
        task_id="train_model",
        map_index=-1,
        try_number=1,
        id="try-1",
    )
    return {"ti": task, "dag_run": SimpleNamespace(partition_key="2013-02-01")}


def test_a_task_whose_time_is_over_stops_its_job_and_says_so(operator, behind):
    task = operator(SLEEPS, execution_timeout=timedelta(seconds=6))
    with pytest.raises(AirflowFailException, match=r"TimeLimit: .* was over\. It was stopped on the site"):
        task.execute(context())
    assert behind.client.containers.get(task.job.name).status == "exited"


def test_time_also_runs_while_an_event_loop_is_busy(operator, behind):
    """Airflow's own alarm is an exception that a busy event loop may swallow."""
    task = operator(SLEEPS.replace("time.sleep(100)", "[print(n) for n in range(10**9)]"))
    task.execution_timeout = timedelta(seconds=6)
    with pytest.raises(AirflowFailException, match="TimeLimit"):
        task.execute(context())
    assert behind.client.containers.get(task.job.name).status == "exited"


def test_a_killed_task_takes_its_job_with_it(operator, behind):
    task, ends = operator(SLEEPS), []

    def execute() -> None:
        try:
            task.execute(context())
        except AirflowException as error:
            ends.append(str(error))

    worker = threading.Thread(target=execute)
    worker.start()
    until_started(behind, task.job.name)
    task.on_kill()
    worker.join(START_LIMIT_S)
    assert behind.client.containers.get(task.job.name).status == "exited"
    assert "its task was killed" in ends[0]


def test_a_resumed_task_that_follows_its_job_itself_is_killed_likewise(operator, behind):
    """Its secrets had to be delivered again."""
    task = operator(SLEEPS, execution_timeout=timedelta(seconds=6))
    event = {"error": {"kind": "SecretsNeeded", "message": "It was interrupted."}}
    with pytest.raises(AirflowFailException, match="TimeLimit"):
        task.resume(context(), event, task.job.name, {})
    assert behind.client.containers.get(task.job.name).status == "exited"


def until_started(behind: Engine, name: str) -> None:
    """Wait until the job's script has spoken."""
    deadline = time.monotonic() + START_LIMIT_S
    while name not in behind.containers(name) or b"started" not in behind.client.containers.get(name).logs():
        assert time.monotonic() < deadline
        time.sleep(0.1)
