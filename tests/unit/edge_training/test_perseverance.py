"""Work goes on through losses, and ends with a sentence when the site stays away for too long."""

from __future__ import annotations

import asyncio

import pytest

from edge_training import perseverance
from edge_training.errors import DataRejected, SiteFailing, SiteRefused, SiteUnreachable
from edge_training.perseverance import Perseverance

LOST = SiteUnreachable("The VM does not answer.")
REFUSED = SiteRefused("The VM does not accept the SSH key; correct the connection.")
FAILING = SiteFailing("Docker fails (500): no cgroup.")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    """Pauses are for real sites."""
    monkeypatch.setattr(perseverance, "FIRST_PAUSE_S", 0.0)


async def through(ends: list, limit_s: float = 60.0, contact: bool = True) -> tuple[object, list[str]]:
    """Do work that ends in one of these ways each time; gives its result and what was said."""
    said: list[str] = []
    watched = Perseverance(limit_s, said.append)

    async def work() -> object:
        if contact:
            watched.in_contact()
        end = ends.pop(0)
        if isinstance(end, Exception):
            raise end
        return end

    return await watched.through(work), said


async def test_work_is_begun_again_after_each_loss():
    result, said = await through([LOST, LOST, "done"])
    assert result == "done"
    assert said[0] == "The VM does not answer. It is tried again for up to 60 s."


async def test_an_outage_is_said_once_and_so_is_its_end():
    said: list[str] = []
    watched = Perseverance(60.0, said.append)
    ends = [True, False, False, True]

    async def work() -> None:
        if ends.pop(0):
            watched.in_contact()
        if ends:
            raise LOST

    await watched.through(work)
    assert len(said) == 2
    assert "It is tried again for up to 60 s" in said[0]
    assert said[1].startswith("The site answers again after")


async def test_a_site_that_stays_away_for_too_long_ends_the_work():
    with pytest.raises(SiteUnreachable, match="It was out of reach for more than 0 s"):
        await through([LOST] * 9, limit_s=0, contact=False)


async def test_silence_of_a_connection_that_holds_is_no_outage():
    """A script may say nothing for a day; the loss begins when the connection breaks."""
    said: list[str] = []
    watched = Perseverance(0.05, said.append)
    ends = [LOST, "done"]

    async def work() -> object:
        watched.in_contact()
        if len(ends) == 2:
            await asyncio.sleep(0.2)
        end = ends.pop(0)
        if isinstance(end, Exception):
            raise end
        return end

    assert await watched.through(work) == "done"


async def test_a_site_that_refuses_us_from_the_first_ends_the_work_at_once():
    with pytest.raises(SiteRefused):
        await through([REFUSED, "done"], contact=False)


async def test_what_a_site_refuses_that_lets_us_in_ends_the_work_at_once():
    with pytest.raises(SiteRefused):
        await through([REFUSED, "done"])


async def test_a_site_that_has_let_us_in_is_waited_for_while_its_keys_are_changed():
    """The job runs on meanwhile."""
    said: list[str] = []
    watched = Perseverance(60.0, said.append)
    ends = [LOST, REFUSED, REFUSED, "done"]

    async def work() -> object:
        if not isinstance(ends[0], SiteRefused):
            watched.in_contact()
        if isinstance(end := ends.pop(0), Exception):
            raise end
        return end

    assert await watched.through(work) == "done"
    assert said[:2] == [f"{trouble} It is tried again for up to 60 s." for trouble in (LOST, REFUSED)]
    assert said[2].startswith("The site answers again after")


async def test_a_site_that_refuses_us_for_too_long_ends_the_work():
    watched = Perseverance(0.0, lambda _: None, known=True)

    async def work() -> None:
        raise REFUSED

    with pytest.raises(SiteRefused, match="It was out of reach for more than 0 s"):
        await watched.through(work)


async def test_what_is_no_loss_ends_the_work_at_once():
    with pytest.raises(DataRejected):
        await through([DataRejected("Too many nulls."), "done"])


async def test_a_docker_that_fails_for_a_moment_is_asked_again():
    result, said = await through([FAILING, FAILING, "done"])
    assert (result, said) == ("done", [f"{FAILING} It is tried again for up to 180 s."])


async def test_a_docker_that_keeps_failing_ends_the_work_with_its_own_words(monkeypatch):
    """Each attempt has contact: the patience for lost lines never ends."""
    monkeypatch.setattr(perseverance, "FAILING_LIMIT_S", 0.01)
    with pytest.raises(SiteFailing, match="no cgroup"):
        await through([FAILING] * 10**6, limit_s=3600)


async def test_failures_with_an_outage_between_them_are_counted_anew(monkeypatch):
    monkeypatch.setattr(perseverance, "FAILING_LIMIT_S", 0.0)
    result, _ = await through([FAILING, LOST, FAILING, LOST, FAILING, "done"])
    assert result == "done"


async def test_failures_with_work_that_went_well_between_them_are_counted_anew(monkeypatch):
    monkeypatch.setattr(perseverance, "FAILING_LIMIT_S", 0.02)
    watched = Perseverance(60.0, lambda _: None)
    for _ in range(2):
        ends = [FAILING, "done"]

        async def work(ends: list = ends) -> object:
            if isinstance(end := ends.pop(0), Exception):
                raise end
            return end

        assert await watched.through(work) == "done"
        await asyncio.sleep(0.04)
