"""Bookmarks over SFTP on a real sshd."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator

import pytest
from tests.real_host import target

from edge_training.adapters.docker.site_link import SiteLink, open_link
from edge_training.adapters.docker.vm_bookmarks import DIRECTORY, VmBookmarks
from edge_training.errors import SiteRefused


@pytest.fixture
async def link(site) -> AsyncIterator[SiteLink]:
    """A connection to the site."""
    link = await open_link(target(site))
    yield link
    await link.close()


@pytest.fixture
def folder(tmp_path):
    """Where the bookmarks of a test lie; not there at first."""
    return tmp_path / "deep" / "bookmarks"


@pytest.fixture
def bookmarks(link, folder) -> VmBookmarks:
    return VmBookmarks(link.files, str(folder))


async def test_a_note_is_found_replaced_and_removed(bookmarks, folder):
    assert await bookmarks.get("a") is None
    assert await bookmarks.names() == []
    await bookmarks.put("a", b"first, and longer")
    await bookmarks.put("a", b"second")
    assert await bookmarks.get("a") == b"second"
    assert await bookmarks.names() == ["a"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    await bookmarks.remove("a")
    await bookmarks.remove("a")
    assert await bookmarks.names() == []


async def test_a_reader_never_sees_half_a_note(bookmarks):
    contents = [letter * 3000 for letter in (b"a", b"b")]
    await bookmarks.put("a", contents[0])

    async def written() -> None:
        for number in range(100):
            await bookmarks.put("a", contents[number % 2])

    writer = asyncio.create_task(written())
    while not writer.done():
        assert await bookmarks.get("a") in contents
    await writer


async def test_a_directory_that_cannot_be_made_is_named_with_a_remedy(bookmarks, folder):
    folder.parent.touch()
    with pytest.raises(SiteRefused, match=r"cannot write .*/a .*see that its disk is writable and has space"):
        await bookmarks.put("a", b"")


async def test_notes_lie_in_the_home_of_the_local_sites_vm(link, site_settings):
    """And not in that of whoever runs the local site."""
    bookmarks = VmBookmarks(link.files)
    await bookmarks.put("test-note", b"x")
    assert (site_settings.state_dir / "ssh" / "home" / DIRECTORY / "test-note").read_bytes() == b"x"
    await bookmarks.remove("test-note")
