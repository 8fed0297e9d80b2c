"""What the model registry, or the disk, cannot take now fails no training."""

from __future__ import annotations

import errno
import json
import logging

import pytest
from tests.fakes.edge_host import InMemoryEdgeHost
from tests.jobs import IMAGE, NEXT_TRY, OWNER, PLAIN

from edge_airflow.tracked import Tracked, keep_raw_log, live_run, say_ended, say_stopped
from edge_training import ownership
from edge_training.errors import JobInterrupted
from edge_training.lifecycle import ensure_started
from edge_training.stages import raw_log

LOG = logging.getLogger(__name__)
TRACKED = Tracked("edge_mlflow", "delay", "ab" * 32, {})
WITHOUT_HOST = json.dumps({"conn_type": "http", "login": "edge"})


@pytest.fixture(params=[None, WITHOUT_HOST], ids=["no connection", "one without a host"])
def no_registry(request, monkeypatch):
    """The connection of the model registry cannot be used."""
    monkeypatch.delenv("AIRFLOW_CONN_EDGE_MLFLOW", raising=False)
    if request.param:
        monkeypatch.setenv("AIRFLOW_CONN_EDGE_MLFLOW", request.param)


async def test_without_a_registry_the_raw_log_stays(no_registry, caplog):
    await keep_raw_log(InMemoryEdgeHost({IMAGE}), "edge-train-1", TRACKED, LOG)
    assert "The raw log stays on the site" in caplog.text


async def test_without_a_registry_no_metrics_are_forwarded(no_registry, caplog):
    async with await live_run(TRACKED, LOG) as live:
        assert live is None
    assert "No metrics are forwarded" in caplog.text


async def test_without_a_registry_a_bad_end_is_said_in_the_log_only(no_registry, caplog):
    await say_ended(TRACKED, "FAILED", LOG)
    assert "does not know that the training is FAILED" in caplog.text


@pytest.mark.parametrize(("taken_up", "status"), [(True, "RUNNING"), (False, "KILLED")])
async def test_a_training_that_a_next_try_has_taken_up_meanwhile_is_not_called_stopped(
    runs, taken_up, status
):
    host, run = InMemoryEdgeHost({IMAGE}), runs.find_or_make("delay", TRACKED.training_key, {})
    await ensure_started(host, PLAIN, OWNER)
    if taken_up:
        await ownership.claim(host, PLAIN.name, NEXT_TRY)
    await say_stopped(host, PLAIN.name, OWNER, TRACKED, "KILLED", LOG)
    assert run.status == status


@pytest.mark.parametrize(
    "trouble", [OSError(errno.ENOSPC, "No space left on device"), JobInterrupted("The log is another one.")]
)
async def test_a_log_that_finds_no_room_here_stays_there(monkeypatch, caplog, trouble):
    async def keep(*_: object) -> None:
        raise trouble

    monkeypatch.setenv(
        "AIRFLOW_CONN_EDGE_MLFLOW", json.dumps({"conn_type": "http", "host": "http://ml.invalid"})
    )
    monkeypatch.setattr(raw_log, "keep", keep)
    await keep_raw_log(InMemoryEdgeHost({IMAGE}), "edge-train-1", TRACKED, LOG)
    assert f"The raw log stays on the site: {trouble}" in caplog.text
