"""One try at a job, from a worker: what ends it, and what is said of its job then."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.fakes.edge_host import InMemoryEdgeHost, Outcome
from tests.jobs import IMAGE, NEXT_TRY, OWNER, PLAIN

from edge_airflow.operators.attempt import Attempt, OutOfTime
from edge_airflow.time_limits import WatchLimits
from edge_airflow.tracked import Tracked
from edge_training import errors, ownership
from edge_training.lifecycle import ensure_started
from edge_training.ports.edge_host import EdgeHost

LOG = logging.getLogger(__name__)
TRACKED = Tracked("edge_mlflow", "delay", "ab" * 32, {})


class Hook:
    """A site in memory; `trouble` is raised instead of a connection."""

    site_name = "edge_site"

    def __init__(self, host: EdgeHost, trouble: Exception | None = None) -> None:
        self.host = host
        self.trouble = trouble

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[EdgeHost]:
        """See `SiteHook.connect`."""
        if self.trouble:
            raise self.trouble
        yield self.host


@pytest.fixture
def host() -> InMemoryEdgeHost:
    found = InMemoryEdgeHost({IMAGE})
    found.outcomes[PLAIN.name] = [Outcome(runs=True)]
    return found


def attempt(host: EdgeHost, limits: WatchLimits | None = None, trouble: Exception | None = None) -> Attempt:
    return Attempt(Hook(host, trouble), PLAIN.name, OWNER, limits or WatchLimits(), LOG, TRACKED)


async def waits_for_ever(host: EdgeHost) -> None:
    await asyncio.Event().wait()


async def meets_a_silent_disk(host: EdgeHost) -> None:
    raise TimeoutError(110, "Connection timed out")


def test_the_end_of_the_tasks_time_has_a_name(host):
    with pytest.raises(OutOfTime):
        attempt(host, WatchLimits(deadline=time.time() + 0.1)).on_site(waits_for_ever)


@pytest.mark.parametrize("deadline", [None, 2e9])
def test_a_time_out_of_something_else_is_not_the_end_of_the_tasks_time(host, deadline):
    with pytest.raises(TimeoutError, match="Connection timed out"):
        attempt(host, WatchLimits(deadline=deadline)).on_site(meets_a_silent_disk)


@pytest.mark.parametrize(
    ("watchers", "sentence", "status", "run_status"),
    [
        ([OWNER], "It was stopped on the site.", "exited", "KILLED"),
        (
            [OWNER, NEXT_TRY],
            "It was left as it is, because somebody else waits for its end.",
            "running",
            "RUNNING",
        ),
    ],
)
def test_it_says_what_became_of_a_job_that_is_given_up(host, runs, watchers, sentence, status, run_status):
    run = runs.find_or_make("delay", TRACKED.training_key, {})

    async def started() -> None:
        await ensure_started(host, PLAIN, OWNER)
        for watcher in watchers:
            await ownership.claim(host, PLAIN.name, watcher)

    asyncio.run(started())
    assert attempt(host).give_up("its task was killed", "KILLED") == sentence
    assert (host.containers[PLAIN.name].status, run.status) == (status, run_status)


def test_it_says_who_stops_a_job_that_it_cannot_stop(host):
    trouble = errors.SiteUnreachable("The VM does not answer.")
    assert attempt(host, trouble=trouble).give_up("its task was killed", "KILLED") == (
        "It could not be stopped (The VM does not answer.); maintain_site does that once the site answers."
    )
