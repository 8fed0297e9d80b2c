"""One link for all who come, one attempt for all who wait, one failure for all who hear of it."""

from __future__ import annotations

import asyncio

import pytest

from edge_training.adapters.docker.shared_site import FAILURE_COUNTS_S, Door
from edge_training.errors import SiteRefused, SiteUnreachable

COMERS = 200


class FakeLink:
    """A link that a test may break."""

    def __init__(self) -> None:
        self.broken = False
        self.closed = False

    def is_broken(self) -> bool:
        return self.broken

    async def close(self) -> None:
        self.closed = True


class Site:
    """Makes links, once it may, and keeps them; `error` ends every attempt."""

    def __init__(self) -> None:
        self.links: list[FakeLink] = []
        self.attempts = 0
        self.error: Exception | None = None
        self.may_open = asyncio.Event()
        self.may_open.set()
        self.now_s = 100.0
        self.door = Door(self.open, lambda: self.now_s)

    async def open(self) -> FakeLink:
        self.attempts += 1
        await self.may_open.wait()
        if self.error is not None:
            raise self.error
        self.links.append(FakeLink())
        return self.links[-1]


@pytest.fixture
async def site() -> Site:
    return Site()


async def use(site: Site, leave: asyncio.Event) -> FakeLink:
    async with site.door.entered() as link:
        await leave.wait()
        return link


async def test_all_who_come_at_once_share_one_link_and_one_attempt(site):
    leave = asyncio.Event()
    site.may_open.clear()
    comers = [asyncio.create_task(use(site, leave)) for _ in range(COMERS)]
    await asyncio.sleep(0)
    site.may_open.set()
    leave.set()
    assert set(await asyncio.gather(*comers)) == set(site.links)
    assert (site.attempts, len(site.links)) == (1, 1)


async def test_the_last_of_those_who_wait_closes_even_if_its_wait_is_cut_short(site):
    site.may_open.clear()
    leave = asyncio.Event()
    first, second = (asyncio.create_task(use(site, leave)) for _ in range(2))
    await asyncio.sleep(0)
    site.may_open.set()
    leave.set()
    link = await first
    second.cancel()
    await asyncio.wait([second])
    assert link.closed
    assert site.door.is_idle()


async def test_a_link_that_broke_while_only_waiters_were_left_is_closed_too(site):
    site.may_open.clear()
    leave = asyncio.Event()
    first = asyncio.create_task(use(site, leave))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(use(site, leave))
    await asyncio.sleep(0)
    first.add_done_callback(lambda _: setattr(site.links[0], "broken", True))
    site.may_open.set()
    leave.set()
    await asyncio.gather(first, waiting)
    assert all(link.closed for link in site.links)


async def test_the_link_closes_when_the_last_has_left_and_not_before(site):
    async with site.door.entered() as link:
        async with site.door.entered() as same:
            assert same is link
        assert not link.closed
    assert link.closed
    assert site.door.is_idle()


async def test_who_comes_after_the_last_has_left_gets_a_new_link(site):
    async with site.door.entered() as first:
        pass
    async with site.door.entered() as second:
        assert second is not first
        assert not second.closed


async def test_a_broken_link_is_replaced_once_and_closed_by_the_last_who_held_it(site):
    async with site.door.entered() as old:
        old.broken = True
        leave = asyncio.Event()
        leave.set()
        found = await asyncio.gather(*(use(site, leave) for _ in range(3)))
        assert old not in found
        assert not old.closed
    assert old.closed


async def test_leaving_a_broken_link_leaves_its_successor_alone(site):
    old = site.door.entered()
    link = await old.__aenter__()
    link.broken = True
    async with site.door.entered() as successor:
        await old.__aexit__(None, None, None)
        assert link.closed
        assert not successor.closed
        async with site.door.entered() as same:
            assert same is successor


async def test_a_failure_is_everyones_who_waited(site):
    site.may_open.clear()
    site.error = SiteUnreachable("nobody answers", {"port": 22})
    leave = asyncio.Event()
    comers = [asyncio.create_task(use(site, leave)) for _ in range(COMERS)]
    await asyncio.sleep(0)
    site.may_open.set()
    ends = await asyncio.gather(*comers, return_exceptions=True)
    assert {(type(end), str(end)) for end in ends} == {(SiteUnreachable, "nobody answers")}
    assert {end.details["port"] for end in ends} == {22}
    assert site.attempts == 1


async def test_a_failure_speaks_for_those_who_come_within_a_second_and_for_nobody_else(site):
    site.error = SiteRefused("wrong key")
    for _ in range(2):
        with pytest.raises(SiteRefused, match="wrong key"):
            async with site.door.entered():
                pass
    assert site.attempts == 1
    assert not site.door.is_idle()
    site.now_s += FAILURE_COUNTS_S
    assert site.door.is_idle()
    site.error = None
    async with site.door.entered():
        pass
    assert site.attempts == 2


async def test_after_a_success_an_old_failure_is_forgotten(site):
    site.error = SiteUnreachable("nobody answers")
    with pytest.raises(SiteUnreachable):
        async with site.door.entered():
            pass
    site.now_s += FAILURE_COUNTS_S
    site.error = None
    async with site.door.entered():
        pass
    assert site.door.is_idle()


async def test_an_error_inside_the_with_is_no_failure_of_the_link(site):
    with pytest.raises(SiteUnreachable):
        async with site.door.entered():
            raise SiteUnreachable("the job's own")
    async with site.door.entered():
        pass
    assert len(site.links) == 2


async def test_when_the_one_who_connects_is_cancelled_the_next_connects(site):
    site.may_open.clear()
    leave = asyncio.Event()
    first, second = (asyncio.create_task(use(site, leave)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    site.may_open.set()
    leave.set()
    assert await second in site.links
    assert first.cancelled()
    assert site.door.is_idle()


async def test_one_who_is_cancelled_while_waiting_leaves_nothing_behind(site):
    leave = asyncio.Event()
    site.may_open.clear()
    first, second = (asyncio.create_task(use(site, leave)) for _ in range(2))
    await asyncio.sleep(0)
    second.cancel()
    site.may_open.set()
    leave.set()
    link = await first
    assert link.closed
    assert site.door.is_idle()
