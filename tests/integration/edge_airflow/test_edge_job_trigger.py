"""The trigger on the real site: it watches through lost connections and stops only what is its own."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from airflow.triggers.base import TaskSuccessEvent
from tests.edge_world import SAVE_MODEL
from tests.fakes.task_states import InMemoryTaskStates
from tests.jobs import NEXT_TRY, OTHER_RUN, OWNER, TRAINING_REQUEST
from tests.real_host import Door, Engine, real_host
from tests.unit.edge_runner.contracts.documents import column, contract

from edge_airflow.hooks.site import SiteHook
from edge_airflow.time_limits import WatchLimits
from edge_airflow.triggers.edge_job import EdgeJobTrigger
from edge_training.errors import PartitionEmpty
from edge_training.jobs import EdgeJob
from edge_training.lifecycle import ensure_started
from edge_training.outcomes import as_text, collect
from edge_training.ownership import Owner
from edge_training.project import ModelProject
from edge_training.sas import Grant
from edge_training.stages.reconcile import task_of


@pytest.fixture
def job(site, behind: Engine) -> Callable[[str], EdgeJob]:
    """Make a training from its script."""

    def made(script: str) -> EdgeJob:
        code = {"train.py": script.encode()}
        found = EdgeJob("train", uuid.uuid4().hex * 2, site.training_image, TRAINING_REQUEST, code=code)
        behind.names.append(found.name)
        return found

    return made


def trigger(
    job: EdgeJob, owner: Owner = OWNER, lineage: dict | None = None, **limits: float
) -> EdgeJobTrigger:
    made = EdgeJobTrigger(
        "edge_site", job.name, asdict(owner), asdict(WatchLimits(**limits)), lineage=lineage
    )
    made.task_states, made.hand_on = InMemoryTaskStates(), nobody
    return made


async def nobody(owner: Owner, value: dict) -> None:
    """Takes what a task hands on."""


async def events(watching: EdgeJobTrigger) -> list:
    return [event.payload async for event in watching.run()]


async def test_it_fires_once_when_the_job_has_ended(site, job, connect_through):
    connect_through()
    made = job("print('bye')")
    async with real_host(site) as host:
        await ensure_started(host, made, OWNER)
    assert await events(trigger(made)) == [{}]


async def test_a_job_that_has_ended_well_ends_its_task_without_a_worker(site, job, connect_through):
    connect_through()
    made = job(SAVE_MODEL)
    async with real_host(site) as host:
        await ensure_started(host, made, OWNER)
    watching, handed_on = trigger(made, lineage={"training_key": made.key}), {}

    async def hand_on(owner: Owner, value: dict) -> None:
        handed_on[owner] = value

    watching.hand_on = hand_on
    (event,) = [event async for event in watching.run()]
    assert isinstance(event, TaskSuccessEvent)
    value = handed_on[OWNER]
    assert (value["job"], value["training_key"], value["metrics"]) == (made.name, made.key, {})


async def test_a_job_that_has_ended_badly_needs_a_worker_to_say_so(site, job, connect_through):
    connect_through()
    made = job("import sys; sys.exit(3)")
    async with real_host(site) as host:
        await ensure_started(host, made, OWNER)
    assert await events(trigger(made, lineage={})) == [{}]


async def test_it_watches_on_through_a_lost_connection(site, job, connect_through):
    made = job("import time\nfor n in range(30): print(n, flush=True); time.sleep(0.1)")
    async with Door(site.ssh_host, site.ssh_port) as door, real_host(site) as host:
        connect_through(door.port)
        await ensure_started(host, made, OWNER)
        watching = asyncio.create_task(events(trigger(made)))
        async for line in host.logs(made.name, ""):
            if as_text(line.text) in ("5", "15"):
                door.slam()
        assert await watching == [{}]
        assert (await host.inspect(made.name)).status == "exited"


async def test_a_site_out_of_reach_for_too_long_is_said_once(site, job, connect_through):
    async with Door(site.ssh_host, site.ssh_port) as door:
        closed_port = door.port
    connect_through(closed_port)
    (payload,) = await events(trigger(job("pass"), out_of_reach_s=0))
    assert "does not answer over SSH" in payload["error"]["message"]
    assert "out of reach for more than 0 s" in payload["error"]["message"]


async def test_a_job_that_somebody_removed_is_said_at_once(job, connect_through):
    connect_through()
    (payload,) = await events(trigger(job("pass")))
    assert "the next try starts it again" in payload["error"]["message"]


async def test_a_kill_stops_the_job_when_nobody_else_watches_it(site, job, connect_through):
    connect_through()
    made = job("import time; time.sleep(100)")
    async with real_host(site) as host:
        for owner in (OWNER, NEXT_TRY, OTHER_RUN):
            await ensure_started(host, made, owner)
        for owner in (OWNER, NEXT_TRY):
            await trigger(made, owner, grace_s=1).on_kill()
            assert (await host.inspect(made.name)).status == "running"
        last = trigger(made, OTHER_RUN, grace_s=1)
        for comes_back in ("deferred", "queued", None):
            last.task_states.known[task_of(OTHER_RUN)] = comes_back
            last.task_states.live_runs.add(task_of(OTHER_RUN).run)
            await last.on_kill()
            assert (await host.inspect(made.name)).status == "running"
        last.task_states.known[task_of(OTHER_RUN)] = "failed"
        await last.on_kill()
        assert (await host.inspect(made.name)).status == "exited"


async def test_a_kill_goes_on_to_its_end_although_it_is_cancelled(site, job, connect_through):
    """Airflow cancels a trigger again each second until it has ended."""
    connect_through()
    made = job("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(100)")
    async with real_host(site) as host:
        await ensure_started(host, made, OWNER)
        killing = asyncio.create_task(trigger(made, grace_s=2).on_kill())
        await asyncio.sleep(0)
        killing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await killing
        assert (await asyncio.wait_for(host.wait(made.name), 30)).status == "exited"


async def test_a_task_whose_time_is_over_leaves_nothing_running(site, job, connect_through):
    connect_through()
    made = job("import time; time.sleep(100)")
    async with real_host(site) as host:
        await ensure_started(host, made, OWNER)
        (payload,) = await events(trigger(made, deadline=time.time() + 1, grace_s=1))
        assert payload["error"]["kind"] == "TimeLimit"
        assert "It was stopped on the site" in payload["error"]["message"]
        assert (await host.inspect(made.name)).status == "exited"


async def test_a_job_that_had_ended_well_in_time_is_taken_although_its_tasks_time_is_over(
    site, job, connect_through
):
    """The line, or the triggerer, was away when it ended."""
    connect_through()
    made = job(SAVE_MODEL)
    async with real_host(site) as host:
        await ensure_started(host, made, OWNER)
        await host.wait(made.name)
    (event,) = [event async for event in trigger(made, lineage={}, deadline=time.time() - 1).run()]
    assert isinstance(event, TaskSuccessEvent)


async def test_a_container_killed_from_outside_goes_on_without_a_worker(site, job, behind, connect_through):
    connect_through()
    made = job(
        "import os, pathlib, time\n"
        "mark = pathlib.Path(os.environ['EDGE_CHECKPOINT_DIR'], 'mark')\n"
        "print('again' if mark.exists() else 'first', flush=True)\n"
        "if not mark.exists(): mark.touch(); time.sleep(100)\n" + SAVE_MODEL
    )
    async with real_host(site) as host:
        await ensure_started(host, made, OWNER)
        watching = asyncio.create_task(events(trigger(made)))
        async for line in host.logs(made.name, ""):
            if as_text(line.text) == "first":
                behind.client.containers.get(made.name).kill()
        assert await watching == [{}]
        assert "metrics" in await collect(host, made.name)
    assert behind.containers(made.name) == [made.name]


async def test_an_interrupted_job_with_access_to_the_store_goes_on_without_a_worker(
    site, behind, connect_through, monkeypatch
):
    """The trigger signs its access anew, of the connection."""
    connect_through()
    extra = {"ca_pem": site.ca_file.read_text(), "forward_address": site.blob_forward_address}
    connection = {"conn_type": "wasb", "host": site.blob_endpoint, "login": site.blob_account}
    connection |= {"password": site.blob_key, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_EDGE_SITE_BLOB", json.dumps(connection))
    store = SiteHook("edge_site").site().store
    grant = Grant(site.blob_container, "l")
    asked = ModelProject("delay", Path(), grant.container, "{partition}/").selection()
    asked |= {"prefixes": ["no/such/"], "partition": "day", "poll_s": 1, "time_limit_s": 6}
    asked |= {"on_time_limit": "fail", "contract": contract(column("x"))}
    made = EdgeJob(
        "wait",
        uuid.uuid4().hex * 2,
        site.training_image,
        store.request(grant.container) | asked,
        secrets=store.secrets(grant),
        grant=grant,
        storage=store.forward(site.training_image),
    )
    behind.names.append(made.name)
    async with real_host(site) as host:
        await ensure_started(host, made, OWNER)
        behind.client.containers.get(made.name).kill()
        watching = trigger(made)
        watching.grant = grant
        assert await events(watching) == [{}]
        with pytest.raises(PartitionEmpty):  # it has listed the container to the end of its time
            await collect(host, made.name)
