"""The raw log is copied whole or not at all, and the site knows that it was."""

from __future__ import annotations

import hashlib
import json

import pytest
from tests.fakes.edge_host import InMemoryEdgeHost, Outcome, success
from tests.fakes.tracking import InMemoryRuns
from tests.jobs import IMAGE, OWNER, PLAIN

from edge_runner import protocol
from edge_training.errors import DiskFull, JobInterrupted, ModelRegistryRefused, ModelRegistryUnavailable
from edge_training.lifecycle import ensure_started
from edge_training.stages.raw_log import KEPT_PATH, LOG_PATH, is_kept, keep

LINES = ("epoch 1", "epoch 2")
LOG = b"epoch 1\nepoch 2\n"


async def ended(host: InMemoryEdgeHost) -> InMemoryEdgeHost:
    """A site with a training that has ended."""
    host.outcomes[PLAIN.name] = [Outcome(lines=LINES, result=success({}))]
    await ensure_started(host, PLAIN, OWNER)
    return host


@pytest.fixture
async def host() -> InMemoryEdgeHost:
    """The same."""
    return await ended(InMemoryEdgeHost({IMAGE}))


async def test_the_log_becomes_an_artifact_and_is_marked_as_kept(host):
    runs = InMemoryRuns()
    ending = await keep(host, PLAIN.name, runs, "delay", PLAIN.key)
    assert runs.runs["delay", PLAIN.key].logs == {"train.log": LOG}
    mark = json.loads(await host.read_file(PLAIN.name, KEPT_PATH))
    assert mark == {"sha256": ending.log_sha256}


async def test_a_log_that_is_kept_is_not_fetched_again(host):
    await keep(host, PLAIN.name, InMemoryRuns(), "delay", PLAIN.key)
    again = InMemoryRuns()
    assert await keep(host, PLAIN.name, again, "delay", PLAIN.key) is None
    assert again.runs == {}


async def test_a_longer_log_of_the_same_training_is_kept_again(host):
    """A next try has gone on writing where the last one ended."""
    runs = InMemoryRuns()
    await keep(host, PLAIN.name, runs, "delay", PLAIN.key)
    host.containers[PLAIN.name].end(1)
    host.outcomes[PLAIN.name] = [Outcome(lines=("epoch 3",), result=success({}))]
    await ensure_started(host, PLAIN, OWNER)
    await keep(host, PLAIN.name, runs, "delay", PLAIN.key)
    assert runs.runs["delay", PLAIN.key].logs == {"train.log": LOG + b"epoch 3\n"}


async def test_a_log_that_is_not_the_one_its_runner_saw_is_not_kept(host):
    host.volumes[PLAIN.name][f"{protocol.WORK_NAME}/{protocol.LOG_NAME}"] = b"epoch 7\nepoch 8\n"
    runs = InMemoryRuns()
    with pytest.raises(JobInterrupted, match="not the one its runner wrote down"):
        await keep(host, PLAIN.name, runs, "delay", PLAIN.key)
    assert runs.runs == {}
    assert await host.read_file(PLAIN.name, KEPT_PATH) is None


async def test_a_full_disk_hides_nothing_else_that_is_wrong(host):
    """The copy is made; its mark finds no room, and the training's own error is still to be told."""

    class Full(InMemoryEdgeHost):
        async def write_file(self, *args):
            raise DiskFull("no space left on device")

    full, runs = Full(set()), InMemoryRuns()
    vars(full).update(vars(host))
    assert await keep(full, PLAIN.name, runs, "delay", PLAIN.key) is not None
    assert runs.runs["delay", PLAIN.key].logs == {"train.log": LOG}


async def test_a_registry_that_is_down_leaves_the_log_unmarked(host):
    class Down(InMemoryRuns):
        def attach(self, *args):
            raise ModelRegistryUnavailable("MLflow does not answer.")

    with pytest.raises(ModelRegistryUnavailable):
        await keep(host, PLAIN.name, Down(), "delay", PLAIN.key)
    assert await host.read_file(PLAIN.name, KEPT_PATH) is None
    assert await host.read_file(PLAIN.name, LOG_PATH) == LOG


async def test_a_shorter_log_than_the_kept_one_is_kept_beside_it(host):
    """The volume was removed and the same training done again: the run keeps both logs."""
    runs = InMemoryRuns()
    runs.find_or_make("delay", PLAIN.key, {}).logs["train.log"] = LOG * 2
    ending = await keep(host, PLAIN.name, runs, "delay", PLAIN.key)
    beside = f"train-{ending.log_sha256[:12]}.log"
    assert runs.runs["delay", PLAIN.key].logs == {"train.log": LOG * 2, beside: LOG}
    assert await is_kept(host, PLAIN.name)


async def test_what_the_run_has_under_the_logs_own_name_is_not_taken_for_the_log(host):
    class Other(InMemoryRuns):
        def attach(self, *args):
            return "another digest"

    with pytest.raises(ModelRegistryRefused, match=r"another log called train-[0-9a-f]{12}\.log"):
        await keep(host, PLAIN.name, Other(), "delay", PLAIN.key)
    assert not await is_kept(host, PLAIN.name)


@pytest.mark.parametrize("left", [None, b"", b"{", b"[]", b'{"log": 1}'])
async def test_a_log_whose_runner_was_killed_is_kept_as_it_is(host, left):
    """It wrote nothing down of its end, or the job has written over it."""
    volume = host.volumes[PLAIN.name]
    del volume[f"{protocol.WORK_NAME}/{protocol.ENDING_NAME}"]
    if left is not None:
        volume[f"{protocol.WORK_NAME}/{protocol.ENDING_NAME}"] = left
    runs = InMemoryRuns()
    ending = await keep(host, PLAIN.name, runs, "delay", PLAIN.key)
    assert (ending.log_size_bytes, ending.log_sha256) == (len(LOG), hashlib.sha256(LOG).hexdigest())
    assert runs.runs["delay", PLAIN.key].logs == {"train.log": LOG}
    assert json.loads(await host.read_file(PLAIN.name, KEPT_PATH)) == {"sha256": ending.log_sha256}


async def test_a_log_that_is_still_written_is_left_alone(host):
    await host.remove(PLAIN.name)
    host.outcomes[PLAIN.name] = [Outcome(runs=True)]
    await ensure_started(host, PLAIN, OWNER)
    with pytest.raises(JobInterrupted, match="kept when it has ended"):
        await keep(host, PLAIN.name, InMemoryRuns(), "delay", PLAIN.key)


async def test_a_log_longer_than_its_runner_saw_is_not_kept(host):
    """Longer than what a tar of it may have around it."""
    host.volumes[PLAIN.name][f"{protocol.WORK_NAME}/{protocol.LOG_NAME}"] = bytes(2**18)
    with pytest.raises(JobInterrupted, match="not the one its runner wrote down"):
        await keep(host, PLAIN.name, InMemoryRuns(), "delay", PLAIN.key)


async def test_a_stream_that_is_cut_short_is_no_log():
    class CutShort(InMemoryEdgeHost):
        async def stream_directory(self, name, path):
            async for chunk in super().stream_directory(name, path):
                yield chunk[:520]  # all of the header, and a little of the log

    host = await ended(CutShort({IMAGE}))
    with pytest.raises(JobInterrupted, match="not the one its runner wrote down"):
        await keep(host, PLAIN.name, InMemoryRuns(), "delay", PLAIN.key)


@pytest.mark.parametrize("sent", [bytes(2**18), b"no tar"])
async def test_a_stream_that_is_refused_is_closed(sent):
    class Endless(InMemoryEdgeHost):
        is_open = False

        async def stream_directory(self, name, path):
            self.is_open = True
            try:
                async for chunk in super().stream_directory(name, path):
                    yield chunk[:512]
                while True:
                    yield sent
            finally:
                self.is_open = False

    host = await ended(Endless({IMAGE}))
    with pytest.raises(JobInterrupted, match="not the one its runner wrote down"):
        await keep(host, PLAIN.name, InMemoryRuns(), "delay", PLAIN.key)
    assert host.is_open is False


async def test_a_job_that_is_gone_is_not_taken_for_one_without_a_log(host):
    await host.remove(PLAIN.name)
    with pytest.raises(JobInterrupted, match="was removed"):
        await keep(host, PLAIN.name, InMemoryRuns(), "delay", PLAIN.key)


async def test_a_job_that_left_no_log_has_none_to_keep():
    host = InMemoryEdgeHost({IMAGE})
    await host.create(PLAIN.container())
    assert await keep(host, PLAIN.name, InMemoryRuns(), "delay", PLAIN.key) is None
