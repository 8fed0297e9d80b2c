"""A home directory that hangs holds up nobody: every call ends, and says what to look at."""

from __future__ import annotations

import asyncio

import pytest

from edge_training.adapters.docker.vm_bookmarks import VmBookmarks
from edge_training.errors import SiteRefused, SiteUnreachable

LIMIT_S = 0.05


class HungFiles:
    """A server on a network file system that is gone: no call ends, and a cancelled one neither, because it
    closes its file first.
    """

    def __init__(self) -> None:
        self.mended = asyncio.Event()

    async def _hang(self, *_: object) -> None:
        while not self.mended.is_set():
            try:
                await self.mended.wait()
            except asyncio.CancelledError:
                continue
        raise SiteUnreachable("The connection was lost.")

    replace = content = names = remove = _hang


@pytest.fixture
async def files():
    """They answer at the end, so that nothing of the test is left over."""
    hung = HungFiles()
    yield hung
    hung.mended.set()
    await asyncio.sleep(0)


CALLS = {
    "put": lambda bookmarks: bookmarks.put("a", b""),
    "get": lambda bookmarks: bookmarks.get("a"),
    "names": lambda bookmarks: bookmarks.names(),
    "remove": lambda bookmarks: bookmarks.remove("a"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_a_call_that_hangs_ends_with_a_remedy(files, call):
    bookmarks = VmBookmarks(files, "notes", limit_s=LIMIT_S)
    with pytest.raises(SiteRefused, match=r"notes.* has not answered for 0\.05 s; look at the disk"):
        await asyncio.wait_for(call(bookmarks), 5)


async def test_what_the_files_say_in_time_is_passed_on():
    class Files:
        async def names(self, path: str) -> list[str]:
            return [path]

        async def remove(self, path: str) -> None:
            raise SiteUnreachable(f"The connection was lost at {path}.")

    bookmarks = VmBookmarks(Files(), "notes")
    assert await bookmarks.names() == ["notes"]
    with pytest.raises(SiteUnreachable, match=r"lost at notes/a\."):
        await bookmarks.remove("a")


async def test_who_is_cancelled_does_not_wait_for_a_call_that_hangs(files):
    waiting = asyncio.create_task(VmBookmarks(files, "notes").names())
    await asyncio.sleep(0)
    waiting.cancel()
    done, _ = await asyncio.wait({waiting}, timeout=5)
    assert done
    assert waiting.cancelled()
