"""Who watches a job: a new try replaces the old one, another run stands beside it, the last one decides."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.fakes.edge_host import InMemoryEdgeHost
from tests.jobs import IMAGE, NEXT_TRY, OTHER_RUN, OWNER, PLAIN

from edge_training.ownership import (
    OWNERS_NAME,
    Record,
    claim,
    decoded,
    has_given_up,
    release,
    watchers,
    watches,
)


@pytest.fixture
async def host() -> InMemoryEdgeHost:
    """A site with the job's container."""
    made = InMemoryEdgeHost({IMAGE})
    await made.create(PLAIN.container())
    return made


def test_a_record_survives_its_way_to_the_site():
    record = Record(OWNER, released=True)
    assert decoded(record.encoded()) == record


def test_tries_of_a_task_share_a_name_and_nothing_else_does():
    assert OWNER.task_name == NEXT_TRY.task_name
    assert OWNER.record_name != NEXT_TRY.record_name
    others = [
        replace(OWNER, **change)
        for change in (
            {"deployment": "b"},
            {"dag_id": "b"},
            {"run_id": "b"},
            {"task_id": "b"},
            {"map_index": 1},
        )
    ]
    assert OWNER.task_name not in [other.task_name for other in others]


async def test_a_run_that_was_deleted_and_made_again_takes_over_although_it_counts_anew(host):
    """Its first try watches, whatever became of the first and second try of its namesake."""
    made_again = replace(OWNER, attempt="try-3")
    await claim(host, PLAIN.name, OWNER)
    await claim(host, PLAIN.name, NEXT_TRY)
    await release(host, PLAIN.name, NEXT_TRY)
    await claim(host, PLAIN.name, made_again)
    assert await watchers(host, PLAIN.name) == [made_again]
    assert not await has_given_up(host, PLAIN.name, made_again)
    assert await has_given_up(host, PLAIN.name, OWNER)
    assert await release(host, PLAIN.name, made_again) is True


async def test_a_new_try_takes_over_from_the_old_one(host):
    await claim(host, PLAIN.name, OWNER)
    await claim(host, PLAIN.name, NEXT_TRY)
    assert await watchers(host, PLAIN.name) == [NEXT_TRY]
    assert await release(host, PLAIN.name, OWNER) is False
    assert await watches(host, PLAIN.name, NEXT_TRY)


async def test_an_old_try_that_gives_up_while_a_new_one_comes_stops_nothing(host):
    class Between(InMemoryEdgeHost):
        async def write_file(self, name, volume_dir, path, content):
            if NEXT_TRY not in await watchers(host, PLAIN.name):
                await claim(host, PLAIN.name, NEXT_TRY)
            await super().write_file(name, volume_dir, path, content)

    await claim(host, PLAIN.name, OWNER)
    between = Between(set())
    vars(between).update(vars(host))
    assert await release(between, PLAIN.name, OWNER) is False
    assert await watchers(host, PLAIN.name) == [NEXT_TRY]


async def test_an_old_try_that_wakes_up_late_watches_nothing(host):
    await claim(host, PLAIN.name, NEXT_TRY)
    await claim(host, PLAIN.name, OWNER)
    assert await watchers(host, PLAIN.name) == [NEXT_TRY]
    assert await has_given_up(host, PLAIN.name, OWNER)
    assert await release(host, PLAIN.name, OWNER) is False


@pytest.mark.parametrize(
    "torn", [b"", b"{", b"[]", b"7", b'{"owner": {}}', b'{"owner": {"a": 1}, "released": 0}']
)
async def test_a_torn_record_is_no_record(host, torn):
    await claim(host, PLAIN.name, OTHER_RUN)
    await claim(host, PLAIN.name, OWNER)
    host.volumes[PLAIN.name][f"{OWNERS_NAME}/{OWNER.record_name}"] = torn
    assert await watchers(host, PLAIN.name) == [OTHER_RUN]
    assert not await has_given_up(host, PLAIN.name, OWNER)


async def test_only_the_last_watcher_learns_that_it_was_the_last(host):
    await claim(host, PLAIN.name, OWNER)
    await claim(host, PLAIN.name, OTHER_RUN)
    assert await release(host, PLAIN.name, OWNER) is False
    assert await release(host, PLAIN.name, OTHER_RUN) is True
    assert await watchers(host, PLAIN.name) == []


async def test_of_two_that_leave_at_once_one_is_the_last(host):
    class Slow(InMemoryEdgeHost):
        async def write_file(self, *args):
            await asyncio.sleep(0)
            await super().write_file(*args)

    slow = Slow(set())
    vars(slow).update(vars(host))
    await claim(slow, PLAIN.name, OWNER)
    await claim(slow, PLAIN.name, OTHER_RUN)
    last = await asyncio.gather(release(slow, PLAIN.name, OWNER), release(slow, PLAIN.name, OTHER_RUN))
    assert any(last)


async def test_nobody_watches_what_is_not_there(host):
    assert await watchers(host, "edge-train-none") == []
    assert await release(host, "edge-train-none", OWNER) is False
