"""Access to the blob store is renewed while its job runs, by whoever watches it, and by nobody else."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.fakes.edge_host import InMemoryEdgeHost, Outcome
from tests.jobs import IMAGE, OWNER, PLAIN

from edge_runner.protocol import WANTED_NAME, WORK_NAME
from edge_training.errors import BadRequest, SiteFailing, SiteUnreachable
from edge_training.lifecycle import ensure_started
from edge_training.renewal import RECORD_NAME, is_due, renew_if_due, renewed

NOW = datetime(2013, 2, 1, 12, 0, tzinfo=UTC)
SAS = "se=2013-02-01T13:00:00Z&sig=SECRET"
NAME = PLAIN.name


class Signer:
    """Signs what it is told to, and counts; an exception is raised instead."""

    def __init__(self, answer=SAS):
        self.answer = answer
        self.asked = 0

    async def __call__(self):
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"sas": self.answer}


@pytest.fixture
async def host():
    """A site on which the job runs."""
    found = InMemoryEdgeHost({IMAGE})
    found.outcomes[NAME] = [Outcome(runs=True)]
    await ensure_started(found, PLAIN, OWNER)
    return found


def delivered(host):
    return [json.loads(message) for message in host.delivered.get(NAME, [])]


async def test_access_is_delivered_once_in_half_of_its_life(host):
    sign = Signer()
    for minutes in (0, 10, 29, 30, 40):
        await renew_if_due(host, NAME, sign, NOW + timedelta(minutes=minutes))
    assert delivered(host) == [{"sas": SAS}] * 2


async def test_the_record_on_the_site_holds_times_and_no_secret(host):
    await renew_if_due(host, NAME, Signer(), NOW)
    record = host.volumes[NAME][RECORD_NAME]
    assert json.loads(record) == {"made": NOW.isoformat(), "ends": "2013-02-01T13:00:00+00:00"}


async def test_a_second_watcher_sees_what_the_first_has_delivered(host):
    first, second = Signer(), Signer()
    await renew_if_due(host, NAME, first, NOW)
    await renew_if_due(host, NAME, second, NOW + timedelta(minutes=1))
    assert (first.asked, second.asked) == (1, 0)


async def test_a_step_that_asks_is_given_access_at_once(host):
    await renew_if_due(host, NAME, Signer(), NOW)
    host.volumes[NAME][f"{WORK_NAME}/{WANTED_NAME}"] = b""
    assert await renew_if_due(host, NAME, Signer(), NOW + timedelta(minutes=1))
    assert len(delivered(host)) == 2


async def test_a_job_that_does_not_run_is_given_nothing_and_nothing_is_noted(host):
    host.containers[NAME].end(0)
    assert not await renew_if_due(host, NAME, Signer(), NOW)
    assert RECORD_NAME not in host.volumes[NAME]


@pytest.mark.parametrize("record", [None, {}, {"made": 1, "ends": 2}, {"made": "x", "ends": "y"}])
def test_without_a_record_that_can_be_read_access_is_due(record):
    assert is_due(record, NOW)


async def test_a_record_that_a_power_cut_has_torn_is_none(host):
    host.volumes[NAME][RECORD_NAME] = b'{"made"'
    assert await renew_if_due(host, NAME, Signer(), NOW)


async def until(true):
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.001)


async def test_access_is_renewed_for_the_length_of_a_watch_and_no_longer(host):
    sign = Signer("se=2013-02-01T12:00:00Z")  # always due
    async with renewed(host, NAME, sign, print, pause_s=0):
        await until(lambda: len(delivered(host)) > 2)
    count = len(delivered(host))
    await asyncio.sleep(0.01)
    assert len(delivered(host)) == count


async def test_a_connection_that_cannot_sign_is_said_once_and_asked_again(host):
    sign, said = Signer(BadRequest("The connection lacks password.")), []
    async with renewed(host, NAME, sign, said.append, pause_s=0):
        await until(lambda: sign.asked > 2)
        sign.answer = SAS
        await until(lambda: delivered(host))
    assert said == ["The job's access to the blob store cannot be renewed: The connection lacks password."]


async def test_a_lost_line_ends_the_renewing_and_nothing_else(host):
    sign = Signer(SiteUnreachable("The line is down."))
    async with renewed(host, NAME, sign, print, pause_s=0):
        await until(lambda: sign.asked)
        await asyncio.sleep(0.01)
    assert sign.asked == 1


async def test_docker_that_fails_for_a_moment_does_not_end_the_renewing(host):
    sign = Signer(SiteFailing("Docker fails."))
    async with renewed(host, NAME, sign, print, pause_s=0):
        await until(lambda: sign.asked)
        sign.answer = SAS
        await until(lambda: delivered(host))


async def test_a_job_without_access_is_never_asked_for_any(host):
    async with renewed(host, NAME, None, print, pause_s=0):
        await asyncio.sleep(0.01)
    assert delivered(host) == []
