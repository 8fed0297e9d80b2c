"""The bundle on its way into the store."""

from __future__ import annotations

import asyncio
import json
import os
import tarfile
from itertools import permutations

import pytest
from tests.bundles import FILES, docker_tar, stored, stream_of

from edge_runner.listing import bundle_digest, listing_of
from edge_training import bundle as bundles
from edge_training import tarstream
from edge_training.errors import ExportRefused


async def receive(sent: bytes, store, files=None):
    return await bundles.receive(stream_of(sent), listing_of(FILES) if files is None else files, store)


async def refusal(sent: bytes, store, files=None) -> str:
    with pytest.raises(ExportRefused) as caught:
        await receive(sent, store, files)
    assert list(store.iterdir()) == []
    return str(caught.value)


async def test_a_bundle_is_kept_under_its_digest(tmp_path):
    path = await receive(docker_tar(FILES), tmp_path)

    assert path == tmp_path / f"{bundle_digest(listing_of(FILES))}.tar"
    assert {member.name: content.read() for member, content in bundles.read_files(path)} == FILES
    assert list(tmp_path.iterdir()) == [path]


async def test_the_order_of_arrival_leaves_no_trace(tmp_path):
    tars = {
        (
            await receive(docker_tar({path: FILES[path] for path in order}), tmp_path / str(number))
        ).read_bytes()
        for number, order in enumerate(permutations(FILES))
    }

    assert len(tars) == 1
    assert tars == {stored(tmp_path / "packed").read_bytes()}


async def test_a_stored_bundle_says_nothing_of_site_or_time(tmp_path):
    with tarfile.open(await receive(docker_tar(FILES), tmp_path)) as archive:
        members = archive.getmembers()

    assert [member.name for member in members] == sorted(FILES)
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {(0, 0, 0, "", "", 0o644)}


async def test_a_bundle_that_is_there_is_not_received_again(tmp_path):
    path = await receive(docker_tar(FILES), tmp_path)

    assert await receive(b"no tar at all", tmp_path) == path


async def test_a_damaged_bundle_is_received_again(tmp_path):
    path = await receive(docker_tar(FILES), tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:2000])

    assert (await receive(docker_tar(FILES), tmp_path)).read_bytes() == whole


async def test_a_member_that_is_not_listed_is_refused_by_name(tmp_path):
    message = await refusal(docker_tar({**FILES, "model/rows.parquet": b"1,2,3"}), tmp_path)

    assert "model/rows.parquet" in message


@pytest.mark.parametrize("tampered", [b"weight!", b"longer than listed", b""])
async def test_a_tampered_member_is_refused(tmp_path, tampered):
    files = {**FILES, "model/model.pkl": b"weights"}

    message = await refusal(docker_tar({**files, "model/model.pkl": tampered}), tmp_path, listing_of(files))

    assert "model/model.pkl did not arrive as listed" in message


async def test_a_missing_member_is_refused(tmp_path):
    sent = {path: content for path, content in FILES.items() if path != "model/MLmodel"}

    assert "did not send model/MLmodel" in await refusal(docker_tar(sent), tmp_path)


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
async def test_links_and_special_files_are_refused(tmp_path, kind):
    member = tarfile.TarInfo("bundle/model/model.pkl")
    member.type, member.linkname = kind, "/etc/passwd"
    sent = {path: content for path, content in FILES.items() if path != "model/model.pkl"}

    assert "link or a special file" in await refusal(docker_tar(sent, member), tmp_path)


@pytest.mark.parametrize("name", ["/model/MLmodel", "bundle/../model/MLmodel", "../MLmodel", "other/MLmodel"])
async def test_a_path_outside_the_bundle_is_refused(tmp_path, name):
    message = await refusal(docker_tar(FILES, tarfile.TarInfo(name)), tmp_path)

    assert name.removeprefix("bundle/") in message


async def test_a_member_sent_twice_is_refused(tmp_path):
    again = tarfile.TarInfo("bundle/model/MLmodel")

    assert "model/MLmodel" in await refusal(docker_tar(FILES, again), tmp_path)


@pytest.mark.parametrize("length", [0, 300, 1500, 9000])
async def test_a_torn_stream_is_refused(tmp_path, length):
    assert "clear export_model" in await refusal(docker_tar(FILES)[:length], tmp_path)


async def test_what_is_no_tar_is_refused(tmp_path):
    assert "whole tar" in await refusal(b"<html>" * 500, tmp_path)


async def test_an_endless_stream_is_cut_off(tmp_path):
    async def endless():
        yield docker_tar(FILES)[:512]
        while True:
            yield bytes(1 << 20)

    files = listing_of(FILES)
    with pytest.raises(ExportRefused):
        await bundles.receive(endless(), files, tmp_path)


async def test_a_lost_site_surfaces_as_what_it_is(tmp_path):
    async def torn():
        yield docker_tar(FILES)[:2000]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await bundles.receive(torn(), listing_of(FILES), tmp_path)
    assert list(tmp_path.iterdir()) == []


async def test_a_stream_that_is_refused_is_closed(tmp_path):
    closed = asyncio.Event()

    async def junk():
        try:
            while True:
                yield b"<html>" * 500
        finally:
            closed.set()

    with pytest.raises(ExportRefused):
        await bundles.receive(junk(), listing_of(FILES), tmp_path)
    assert closed.is_set()


async def test_a_cancelled_task_leaves_no_waiting_thread_and_no_open_stream(tmp_path):
    began, closed = asyncio.Event(), asyncio.Event()

    async def silent():
        try:
            yield docker_tar(FILES)[:2000]
            began.set()
            await asyncio.sleep(3600)
        finally:
            closed.set()

    task = asyncio.create_task(bundles.receive(silent(), listing_of(FILES), tmp_path))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed.is_set()

    await asyncio.wait_for(asyncio.get_running_loop().shutdown_default_executor(), timeout=5)
    assert list(tmp_path.iterdir()) == []


async def test_the_sender_is_never_more_than_one_chunk_ahead(tmp_path):
    """That bounds the memory, however large the bundle is."""
    block, count = bytes(1 << 20), 64
    files = listing_of({"model/model.pkl": block * count})
    produced, ahead = 0, []

    async def counted():
        nonlocal produced
        yield tarstream.header("bundle/model/model.pkl", len(block) * count)
        for _ in range(count):
            produced += len(block)
            (partial,) = tmp_path.iterdir()
            ahead.append(produced - allocated(partial))
            yield block
        yield tarstream.END

    await bundles.receive(counted(), files, tmp_path)

    assert max(ahead) <= 4 * len(block)


def allocated(path) -> int:
    return path.stat().st_blocks * 512


def test_metrics_are_read_from_the_bundle(tmp_path):
    assert bundles.read_metrics(stored(tmp_path)) == [
        bundles.Metric("mae", 9.0, 1),
        bundles.Metric("mae", 7.5, 2),
    ]


def test_a_bundle_that_is_there_to_its_end_is_whole(tmp_path):
    bundles.require_whole(stored(tmp_path))


@pytest.mark.parametrize("left_bytes", [None, 0, 700, 5000])
def test_a_bundle_that_is_cut_or_gone_is_damaged(tmp_path, left_bytes):
    bundle = stored(tmp_path)
    if left_bytes is None:
        bundle.unlink()
    else:
        os.truncate(bundle, left_bytes)

    with pytest.raises(ExportRefused, match=r"is damaged \(.+\); clear export_model"):
        bundles.require_whole(bundle)


def test_what_is_read_to_be_sent_are_the_files_and_then_their_listing(tmp_path):
    read = {
        content.path: (content.stream.read(), content.size_bytes)
        for content in bundles.read_listed(stored(tmp_path))
    }

    assert list(read) == [*sorted(FILES), "bundle.json"]
    assert {path: read[path][0] for path in FILES} == FILES
    assert json.loads(read["bundle.json"][0]) == listing_of(FILES)
    assert all(len(content) == size_bytes for content, size_bytes in read.values())


def test_a_bundle_whose_bytes_have_changed_gives_no_listing(tmp_path):
    bundle = stored(tmp_path)
    bundle.write_bytes(bundle.read_bytes().replace(b'"mae":7.9', b'"mae":0.1'))
    contents = bundles.read_listed(bundle)
    for _ in FILES:
        next(contents).stream.read()

    with pytest.raises(ExportRefused, match=r"is damaged \(its bytes have changed\)"):
        next(contents)


def test_files_that_changed_are_not_packed(tmp_path):
    stored(tmp_path)
    (tmp_path / "files/model/MLmodel").write_text("other")
    bundles.bundle_path(tmp_path, bundle_digest(listing_of(FILES))).unlink()

    with pytest.raises(ExportRefused, match="model/MLmodel did not arrive as listed"):
        bundles.pack(tmp_path / "files", listing_of(FILES), tmp_path)


def test_a_listing_outside_the_allow_list_is_refused():
    with pytest.raises(ExportRefused, match=r"model/rows\.csv"):
        bundles.check_listing(listing_of({**FILES, "model/rows.csv": b""}))
