"""How far a job was followed, left for the next triggerer: found by its own try, and never worth a job."""

from __future__ import annotations

import asyncio

import pytest
from tests.fakes.bookmarks import InMemoryBookmarks
from tests.jobs import NEXT_TRY, OTHER_RUN, OWNER

from edge_training import places
from edge_training.errors import SiteRefused, SiteUnreachable
from edge_training.watching import START, Cursor

JOB = "edge-train-1"
HERE = Cursor("id", "2026", 7)
FURTHER = Cursor("id", "2027", 9)
LAST = Cursor("id", "2028", 12)
REFUSED = SiteRefused("vm may not write there; give it the right to.")


@pytest.fixture
def bookmarks() -> InMemoryBookmarks:
    return InMemoryBookmarks()


async def test_a_place_is_found_by_its_own_try_only(bookmarks):
    await places.leave(bookmarks, JOB, OWNER, HERE)
    assert await places.left(bookmarks, JOB, OWNER) == HERE
    assert await places.left(bookmarks, JOB, NEXT_TRY) == START
    assert await places.left(bookmarks, JOB, OTHER_RUN) == START
    assert await places.left(bookmarks, "edge-train-2", OWNER) == START


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"7", b"\xff", b'{"attempt": "%s"}', b'{"attempt": "%s", "cursor": {"a": 1}}'],
)
async def test_a_bookmark_that_makes_no_sense_is_the_start(bookmarks, content):
    name = places.bookmark_name(JOB, OWNER)
    bookmarks.notes[name] = content.replace(b"%s", OWNER.attempt.encode())
    assert await places.left(bookmarks, JOB, OWNER) == START


async def test_a_site_that_refuses_bookmarks_is_watched_from_the_start(bookmarks):
    bookmarks.trouble = REFUSED
    assert await places.left(bookmarks, JOB, OWNER) == START


async def test_a_lost_connection_is_not_taken_for_a_missing_bookmark(bookmarks):
    """The lines that were shown already would be shown again."""
    bookmarks.trouble = SiteUnreachable("gone")
    with pytest.raises(SiteUnreachable):
        await places.left(bookmarks, JOB, OWNER)


async def test_the_place_before_the_last_is_left_while_it_moves_and_the_last_at_the_end(
    bookmarks, monkeypatch
):
    """The lines up to the last one may not have been written yet."""
    monkeypatch.setattr(places, "SAVE_EVERY_S", 0.001)
    seen, said = [HERE, FURTHER, LAST], []
    async with places.kept(
        bookmarks, JOB, OWNER, lambda: seen.pop(0) if len(seen) > 1 else LAST, said.append
    ):
        while not bookmarks.puts:
            await asyncio.sleep(0)
        assert await places.left(bookmarks, JOB, OWNER) == FURTHER
    assert await places.left(bookmarks, JOB, OWNER) == LAST
    assert said == []


async def test_a_place_that_does_not_move_is_not_left_again(bookmarks):
    async with places.kept(bookmarks, JOB, OWNER, lambda: HERE, print):
        pass
    assert bookmarks.puts == 0


@pytest.mark.parametrize("trouble", [REFUSED, SiteUnreachable("gone")])
async def test_a_place_that_cannot_be_left_ends_nothing_and_a_refusal_is_said_once(
    bookmarks, monkeypatch, trouble
):
    monkeypatch.setattr(places, "SAVE_EVERY_S", 0.001)
    bookmarks.trouble = trouble
    cursor, said = START, []
    async with places.kept(bookmarks, JOB, OWNER, lambda: cursor, said.append):
        cursor = HERE
        while not bookmarks.puts:
            await asyncio.sleep(0)
        cursor = FURTHER
    assert [line.startswith(str(REFUSED)) for line in said] == ([True] if trouble is REFUSED else [])


@pytest.mark.parametrize(
    ("name", "job"),
    [
        (places.bookmark_name(JOB, OWNER), JOB),
        (f"{places.bookmark_name(JOB, OWNER)}.new", JOB),
        ("notes.txt", None),
        (f"{JOB}.json", None),
        (f"other.{OWNER.task_name}.json", None),
    ],
)
def test_a_bookmark_names_its_job_and_nothing_else_does(name, job):
    assert places.job_of(name) == job
