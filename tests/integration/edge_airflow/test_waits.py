"""Waits on the real site: many share one SSH connection, and those whose time is over fail or skip."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred
from airflow.triggers.base import TaskSuccessEvent
from azure.storage.blob import ContainerClient
from tests.fakes.task_states import InMemoryTaskStates
from tests.real_host import Door, Engine
from tests.unit.edge_runner.contracts.documents import column, contract

from edge_airflow.operators.data import WaitForPartitionOperator
from edge_airflow.triggers.edge_job import EdgeJobTrigger
from edge_training.ports.edge_host import Limits
from edge_training.project import ModelProject, Ready
from local_site.connections import connections

WAITS = 6
FIRST_DAY = date(2013, 2, 1)
SMALL = Limits(cpus=0.2, memory_bytes=128 * 2**20, pids=64)


@pytest.fixture
def waiting(
    site, container, connect_through, monkeypatch, tmp_path
) -> Callable[..., WaitForPartitionOperator]:
    """Make a wait for a day and the day before it, each complete with its marker."""
    for name in ("edge_site_blob", "edge_registry"):
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connections(site)[name]))
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example")
    connect_through()
    ready = Ready(marker="_SUCCESS")
    (tmp_path / "contract.yaml").write_text(contract(column("x")))
    model = ModelProject("delay", tmp_path, container.container_name, "date={partition}/", ready=ready)

    def made(**changes: Any) -> WaitForPartitionOperator:
        return WaitForPartitionOperator(
            task_id="wait_for_partition",
            model=model,
            training_image=site.training_image,
            limits=SMALL,
            window_days=1,
            poll_s=1,
            **changes,
        )

    return made


def context(day: date) -> dict[str, Any]:
    """What Airflow hands to the task of one run."""
    task = SimpleNamespace(
        dag_id="train_delay",
        run_id=f"scheduled__{day}",
        task_id="wait_for_partition",
        map_index=-1,
        try_number=1,
        id=uuid.uuid4().hex,
    )
    return {"ti": task, "dag_run": SimpleNamespace(partition_key=day.isoformat())}


def deferred(task: WaitForPartitionOperator, known: dict[str, Any], behind: Engine) -> EdgeJobTrigger:
    """Start the task's job; gives the trigger that it leaves its waiting to."""
    with pytest.raises(TaskDeferred) as caught:
        task.execute(known)
    trigger = caught.value.trigger
    assert isinstance(trigger, EdgeJobTrigger)
    behind.names.append(trigger.container)
    trigger.task_states, trigger.hand_on = InMemoryTaskStates(), nobody
    return trigger


async def nobody(owner: object, value: object) -> None:
    """Takes what a task hands on."""


async def event_of(trigger: EdgeJobTrigger) -> object:
    (event,) = [event async for event in trigger.run()]
    return event


def deliver(container: ContainerClient, days: list[date]) -> None:
    """Bring these days, and the one before them, which each window needs."""
    for day in (days[0] - timedelta(1), *days):
        for name in ("a.parquet", "_SUCCESS"):
            container.upload_blob(f"date={day}/{name}", b"", overwrite=True)


def test_many_waits_of_a_triggerer_share_one_connection(site, behind, container, waiting, connect_through):
    """Those that end give their results through it while others wait on."""
    days = [FIRST_DAY + timedelta(day) for day in range(WAITS)]
    early, late = days[: WAITS // 2], days[WAITS // 2 :]

    async def watched() -> int:
        async with Door(site.ssh_host, site.ssh_port) as door:
            connect_through(door.port)
            watches = [asyncio.create_task(event_of(trigger)) for trigger in triggers]
            await asyncio.to_thread(deliver, container, early)
            events = await asyncio.gather(*watches[: len(early)])
            callers = door.callers
            assert not any(watch.done() for watch in watches[len(early) :])
            await asyncio.to_thread(deliver, container, late)
            events += await asyncio.gather(*watches[len(early) :])
            assert all(isinstance(event, TaskSuccessEvent) for event in events)
            return callers

    triggers = [deferred(waiting(deferrable=True), context(day), behind) for day in days]
    assert asyncio.run(watched()) == 1


@pytest.mark.parametrize(
    ("end", "exception", "words"),
    [
        ("fail", AirflowFailException, "PartitionEmpty: .* choose a partition that has data"),
        ("skip", AirflowSkipException, "PartitionSkipped: .* it is left out"),
    ],
)
@pytest.mark.parametrize("deferrable", [True, False])
def test_a_wait_whose_time_is_over_ends_as_its_dag_file_says(
    behind, waiting, end, exception, words, deferrable
):
    task = waiting(deferrable=deferrable, wait_limit_s=3, on_time_limit=end)
    known = context(FIRST_DAY)
    if not deferrable:
        behind.names.append(task.build_job(task.pipeline_run(known), known).name)
        with pytest.raises(exception, match=words):
            task.execute(known)
        return
    trigger = deferred(task, known, behind)
    event = asyncio.run(event_of(trigger))
    with pytest.raises(exception, match=words):
        task.resume(known, event.payload, trigger.container, {})
