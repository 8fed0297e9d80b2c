"""A trigger goes on in another triggerer with what it was serialized as, and through losses of the line."""

from __future__ import annotations

import asyncio
import json
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import asdict
from importlib import import_module

import pytest
from airflow.triggers.base import TriggerEvent
from tests.fakes.bookmarks import InMemoryBookmarks
from tests.fakes.edge_host import InMemoryEdgeHost, Outcome, success
from tests.fakes.task_states import InMemoryTaskStates
from tests.jobs import IMAGE, NEXT_TRY, OTHER_RUN, OWNER, PLAIN

from edge_airflow.time_limits import WatchLimits
from edge_airflow.tracked import Tracked
from edge_airflow.triggers import edge_job
from edge_airflow.triggers.edge_job import EdgeJobTrigger
from edge_training import lifecycle, ownership
from edge_training.errors import SiteUnreachable
from edge_training.lifecycle import ensure_started
from edge_training.ports.bookmarks import Bookmarks
from edge_training.ports.edge_host import ContainerState, EdgeHost

LONGEST_LOSS_S = 1.0
TRACKED = asdict(Tracked("edge_mlflow", "delay", "ab" * 32, {"site": "edge_site"}))


@pytest.mark.parametrize("tracked", [None, TRACKED])
@pytest.mark.parametrize("lineage", [None, {}, {"training_key": "ab" * 32}])
@pytest.mark.parametrize("grant", [None, {"container": "data", "permissions": "l", "directory": ""}])
def test_a_trigger_survives_its_serialization(tracked, lineage, grant):
    limits = asdict(WatchLimits(out_of_reach_s=60, deadline=1e9))
    trigger = EdgeJobTrigger("edge_site", "edge-train-1", asdict(OWNER), limits, tracked, lineage, grant)
    path, fields = trigger.serialize()
    module, _, name = path.rpartition(".")
    again = getattr(import_module(module), name)(**json.loads(json.dumps(fields)))
    assert again.serialize() == trigger.serialize()
    assert fields["owner"] == asdict(OWNER)
    assert fields["limits"] == limits
    assert (fields["tracked"], fields["lineage"], fields["grant"]) == (tracked, lineage, grant)


def test_a_task_without_a_limit_may_take_for_ever():
    assert WatchLimits().left_s is None
    assert WatchLimits(deadline=0).left_s == 0


class LosesTheLine(InMemoryEdgeHost):
    """A site whose line is lost once, after longer than a loss may take."""

    quiet = True

    async def inspect(self, name: str) -> ContainerState | None:
        """See `EdgeHost.inspect`."""
        if self.quiet:
            self.quiet = False
            await asyncio.sleep(LONGEST_LOSS_S * 1.5)
            raise SiteUnreachable("The line is lost.")
        return await super().inspect(name)


class Hook:
    """A site in memory."""

    def __init__(self, host: EdgeHost) -> None:
        self.host = host

    async def aconnect(self) -> AbstractAsyncContextManager[EdgeHost]:
        """See `SiteHook.aconnect`."""
        return nullcontext(self.host)

    async def abookmarks(self) -> AbstractAsyncContextManager[Bookmarks]:
        """See `SiteHook.abookmarks`."""
        return nullcontext(InMemoryBookmarks())


async def test_a_job_that_waits_in_silence_is_not_out_of_reach(monkeypatch):
    """One that waits for its GPU says nothing for hours; then one short loss of the line is no long one."""
    monkeypatch.setattr(edge_job, "SHORTEST_WATCH_S", 0)
    host = LosesTheLine({IMAGE})
    host.quiet = False
    host.outcomes[PLAIN.name] = [Outcome(result=success({}))]
    await ensure_started(host, PLAIN, OWNER)
    host.quiet = True
    limits = WatchLimits(out_of_reach_s=LONGEST_LOSS_S)
    trigger = EdgeJobTrigger("edge_site", PLAIN.name, asdict(OWNER), asdict(limits))
    trigger._hook = Hook(host)
    assert [event async for event in trigger.run()] == [TriggerEvent({})]


@pytest.fixture
async def training() -> InMemoryEdgeHost:
    """A site where a training runs."""
    host = InMemoryEdgeHost({IMAGE})
    host.outcomes[PLAIN.name] = [Outcome(runs=True)]
    await ensure_started(host, PLAIN, OWNER)
    return host


def told_to_kill(host: EdgeHost) -> EdgeJobTrigger:
    """The trigger of a training whose task was marked in Airflow."""
    trigger = EdgeJobTrigger("edge_site", PLAIN.name, asdict(OWNER), asdict(WatchLimits()), TRACKED)
    trigger._hook, trigger.task_states = Hook(host), InMemoryTaskStates()
    return trigger


@pytest.mark.parametrize("other", [NEXT_TRY, OTHER_RUN])
async def test_the_run_of_a_training_that_somebody_else_waits_for_is_running(runs, training, other):
    run = runs.find_or_make("delay", "ab" * 32, {})
    await ensure_started(training, PLAIN, other)
    await told_to_kill(training).on_kill()
    assert (training.containers[PLAIN.name].status, run.status) == ("running", "RUNNING")


@pytest.mark.parametrize(
    ("by", "sentence"),
    [
        ("its own kill", "is stopped on the site, because its task was marked, or its run was ended"),
        ("maintain_site, which is about to", "is stopped on the site, because its task was marked, or"),
        ("maintain_site", "no task comes back for it; a next try takes it up again"),
    ],
)
async def test_a_training_that_is_stopped_says_so_in_log_and_run(runs, training, capsys, by, sentence):
    if by == "maintain_site":
        await lifecycle.give_up(training, PLAIN.name, OWNER, 1, "no task comes back for it")
    elif by != "its own kill":
        await ownership.release(training, PLAIN.name, OWNER)
    await told_to_kill(training).on_kill()
    run = runs.find_or_make("delay", "ab" * 32, {})
    assert (training.containers[PLAIN.name].status, run.status) == ("exited", "KILLED")
    assert sentence in capsys.readouterr().out


async def test_a_job_that_has_no_run_is_stopped_all_the_same(runs, training):
    trigger = told_to_kill(training)
    trigger.tracked = None
    await trigger.on_kill()
    assert training.containers[PLAIN.name].status == "exited"
    assert runs.runs == {}
