"""The VM's files over SFTP on a real sshd: one session, opened again when it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.real_host import target

from edge_training.adapters.docker.site_link import SiteLink, open_link
from edge_training.errors import SiteUnreachable

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@pytest.fixture
async def link(site) -> AsyncIterator[SiteLink]:
    """A connection to the site."""
    link = await open_link(target(site))
    yield link
    await link.close()


async def test_a_file_that_says_it_is_empty_is_read_all_the_same(link):
    """As all files of /proc do."""
    assert BOOT_ID.stat().st_size == 0
    assert await link.files.read(str(BOOT_ID), "mount /proc") == BOOT_ID.read_text().strip()


async def test_what_a_directory_holds_and_that_one_is_missing(link, tmp_path):
    for name in ("b", "a"):
        (tmp_path / name).touch()
    assert await link.files.names(str(tmp_path)) == ["a", "b"]
    assert await link.files.names(str(tmp_path / "none")) == []


async def test_hundreds_of_questions_at_once_need_one_sftp_session(link):
    """sshd allows ten sessions on a connection unless it is told otherwise."""
    read = [link.files.read(str(BOOT_ID), "mount /proc") for _ in range(300)]
    assert set(await asyncio.gather(*read)) == {BOOT_ID.read_text().strip()}


async def test_after_a_lost_sftp_session_the_next_question_opens_another(link):
    await link.files.read(str(BOOT_ID), "mount /proc")
    session = await link.files.session()
    session.exit()
    await session.wait_closed()
    with pytest.raises(SiteUnreachable):
        await link.files.read(str(BOOT_ID), "mount /proc")
    assert await link.files.read(str(BOOT_ID), "mount /proc")
