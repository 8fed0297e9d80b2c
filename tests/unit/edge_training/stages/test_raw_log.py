"""The raw log is copied whole or not at all, and the site knows that it was."""

from __future__ import annotations

import json

import pytest
from tests.fakes.edge_host import InMemoryEdgeHost, Outcome, success
from tests.fakes.tracking import InMemoryRuns
from tests.jobs import IMAGE, OWNER, PLAIN

from edge_runner import protocol
from edge_training.errors import JobInterrupted, ModelRegistryUnavailable
from edge_training.lifecycle import ensure_started
from edge_training.stages.raw_log import KEPT_PATH, LOG_PATH, keep

LINES = ("epoch 1", "epoch 2")
LOG = b"epoch 1\nepoch 2\n"


@pytest.fixture
async def host() -> InMemoryEdgeHost:
    """A site with a training that has ended."""
    made = InMemoryEdgeHost({IMAGE})
    made.outcomes[PLAIN.name] = [Outcome(lines=LINES, result=success({}))]
    await ensure_started(made, PLAIN, OWNER)
    return made


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


async def test_a_registry_that_is_down_leaves_the_log_unmarked(host):
    class Down(InMemoryRuns):
        def attach(self, *args):
            raise ModelRegistryUnavailable("MLflow does not answer.")

    with pytest.raises(ModelRegistryUnavailable):
        await keep(host, PLAIN.name, Down(), "delay", PLAIN.key)
    assert await host.read_file(PLAIN.name, KEPT_PATH) is None
    assert await host.read_file(PLAIN.name, LOG_PATH) == LOG


async def test_a_shorter_log_than_the_kept_one_is_not_marked(host):
    """The volume was removed and the same training done again: the run keeps the longer log."""
    runs = InMemoryRuns()
    runs.find_or_make("delay", PLAIN.key, {}).logs["train.log"] = LOG * 2
    assert await keep(host, PLAIN.name, runs, "delay", PLAIN.key) is None
    assert await host.read_file(PLAIN.name, KEPT_PATH) is None


async def test_a_job_that_left_no_log_has_none_to_keep():
    host = InMemoryEdgeHost({IMAGE})
    await host.create(PLAIN.container())
    assert await keep(host, PLAIN.name, InMemoryRuns(), "delay", PLAIN.key) is None
