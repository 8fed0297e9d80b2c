"""What Docker is told of a job, what travels to it, and how a bad end is named."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from contextlib import suppress

import pytest
from tests.fakes.edge_host import Crash, CrashingHost, InMemoryEdgeHost, Outcome, refusal, success

from edge_runner import protocol
from edge_training import errors
from edge_training.jobs import (
    LAST_LINES,
    EdgeJob,
    collect,
    decode_result,
    ensure_started,
    failure,
    finished_badly,
    follow,
    stop_if_owned,
)
from edge_training.ports.edge_host import ContainerState, LogLine, Mount

IMAGE = f"registry.example/edge/training@sha256:{'1' * 64}"
JOB = EdgeJob(
    step="evaluate",
    key="ab" * 32,
    image=IMAGE,
    request={"script": "evaluate.py"},
    secrets={"sas": "top-secret"},
    code={"evaluate.py": b"pass", "lib/features.py": b""},
    inputs={"train": "edge-train-1", "snapshot": "edge-snapshot-1"},
    mounts=(Mount("edge-cache", "/edge/data", subpath="work/views/d"),),
    labels={"partition": "2013-02-01"},
)
PLAIN = EdgeJob(step="train", key="cd" * 32, image=IMAGE, request={})


def state(**changes) -> ContainerState:
    known = {
        "id": "1",
        "name": "edge-train-1",
        "status": "exited",
        "exit_code": 1,
        "out_of_memory": False,
        "image": IMAGE,
        "labels": {},
        "memory_limit_bytes": 512 * 2**20,
    }
    return ContainerState(**known | changes)


@pytest.fixture
def host() -> InMemoryEdgeHost:
    return InMemoryEdgeHost({IMAGE})


def test_only_the_jobs_own_volume_is_writable_and_earlier_work_is_seen_by_name():
    spec = JOB.container()
    assert spec.name == f"edge-evaluate-{'ab' * 20}"
    assert [(m.volume, m.target, m.subpath, m.read_only) for m in spec.mounts] == [
        (spec.name, "/edge/job", "", False),
        ("edge-snapshot-1", "/edge/inputs/snapshot", "work", True),
        ("edge-train-1", "/edge/inputs/train", "work", True),
        ("edge-cache", "/edge/data", "work/views/d", True),
    ]


def test_a_job_has_no_network_unless_it_asks_for_the_store():
    assert JOB.container().storage is None


def test_nothing_secret_is_in_what_docker_is_told_or_in_the_repr():
    assert "top-secret" not in str(JOB.container())
    assert "top-secret" not in repr(JOB)


def test_the_payload_is_a_header_line_and_the_tar_it_announces():
    header, _, work = JOB.payload().partition(b"\n")
    assert json.loads(header) == {
        "protocol": protocol.PROTOCOL,
        "length": len(work),
        "sha256": hashlib.sha256(work).hexdigest(),
    }
    with tarfile.open(fileobj=io.BytesIO(work)) as archive:
        files = {member.name: archive.extractfile(member).read() for member in archive}
        assert {member.mode for member in archive} == {0o600}
    assert files["model/lib/features.py"] == b""
    assert "edge_runner/__main__.py" in files
    assert not [name for name in files if "__pycache__" in name]
    assert json.loads(files["secrets.json"]) == {"sas": "top-secret"}
    assert json.loads(files["request.json"]) == {
        "protocol": protocol.PROTOCOL,
        "step": "evaluate",
        "request": {"script": "evaluate.py"},
    }


@pytest.mark.parametrize(
    ("status", "exit_code", "bad"),
    [
        ("created", 0, False),
        ("running", 0, False),
        ("exited", 0, False),
        ("exited", 1, True),
        ("exited", 75, True),
        ("exited", 137, True),
        ("dead", 0, True),
    ],
)
def test_only_a_container_that_ended_badly_makes_room_for_another(status, exit_code, bad):
    assert finished_badly(state(status=status, exit_code=exit_code)) is bad


REFUSED = json.loads(refusal("DataRejected", "Too many nulls.", {"rules": 3}))
GRADES = [
    ({"exit_code": 137, "out_of_memory": True}, None, errors.OutOfMemory, "512 MiB"),
    ({"exit_code": 1, "out_of_memory": True}, REFUSED, errors.OutOfMemory, "512 MiB"),
    ({"exit_code": 137}, None, errors.JobInterrupted, "SIGKILL"),
    ({"exit_code": 143}, None, errors.JobInterrupted, "SIGTERM"),
    ({"exit_code": 143}, REFUSED, errors.JobInterrupted, "SIGTERM"),
    ({"exit_code": 75}, None, errors.JobInterrupted, "did not arrive whole"),
    ({"exit_code": 1}, REFUSED, errors.DataRejected, "Too many nulls"),
    ({"exit_code": 1}, json.loads(refusal("Unheard", "x")), errors.ProtocolMismatch, "same release"),
    ({"exit_code": 1}, None, errors.StepCrashed, "exit code 1"),
    ({"exit_code": 0}, None, errors.StepCrashed, "left no result"),
    ({"exit_code": 127, "status": "dead"}, None, errors.StepCrashed, "last words"),
]


@pytest.mark.parametrize(("changes", "result", "kind", "sentence"), GRADES)
def test_a_bad_end_is_named_by_its_most_certain_evidence(changes, result, kind, sentence):
    error = failure(state(**changes), result, ["first", "last words"])
    assert type(error) is kind
    assert sentence in str(error)


def test_the_report_of_a_refusal_reaches_the_worker():
    assert failure(state(), REFUSED, []).details == {"rules": 3}


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"protocol":', b'{"protocol": 2}'])
def test_a_result_that_is_no_message_of_this_protocol_is_a_mismatch(raw):
    with pytest.raises(errors.ProtocolMismatch, match="protocol"):
        decode_result(raw)


def test_no_result_is_none():
    assert decode_result(None) is None


async def test_an_image_is_pulled_before_the_container_is_created():
    host = InMemoryEdgeHost(set(), pullable={IMAGE})
    await ensure_started(host, PLAIN, "owner")
    assert host.images == {IMAGE}


@pytest.mark.parametrize("calls", range(8))
async def test_a_worker_may_die_between_any_two_calls(host, calls):
    """Whoever comes next finds, starts or adopts the one container."""
    with suppress(Crash):
        await ensure_started(CrashingHost(host, calls), PLAIN, "first")
    await ensure_started(host, PLAIN, "second")
    assert list(host.containers) == [PLAIN.name]
    assert host.containers[PLAIN.name].status == "exited"
    assert json.loads(host.volumes[PLAIN.name]["owner.json"]) == {"owner": "second"}
    await collect(host, PLAIN.name)


async def test_the_owner_is_recorded_before_the_container_runs(host):
    """A kill meant for the failed try before must not find its own name on the new container."""
    host.outcomes[PLAIN.name] = [Outcome(exit_code=1), Outcome(runs=True)]
    await ensure_started(host, PLAIN, "first")
    with pytest.raises(Crash):
        await ensure_started(CrashingHost(host, 8), PLAIN, "second")
    assert host.containers[PLAIN.name].status == "running"
    assert await stop_if_owned(host, PLAIN.name, "first", 1) is False


async def test_a_job_somebody_removed_is_started_by_the_next_try(host):
    with pytest.raises(errors.JobInterrupted, match="the next try starts it again"):
        await collect(host, PLAIN.name)


async def test_a_crash_shows_the_last_lines_only(host):
    lines = tuple(f"line {number}" for number in range(LAST_LINES + 10))
    host.outcomes[PLAIN.name] = [Outcome(exit_code=2, lines=lines)]
    await ensure_started(host, PLAIN, "owner")
    with pytest.raises(errors.StepCrashed) as caught:
        await collect(host, PLAIN.name)
    assert str(caught.value).splitlines()[1:] == list(lines[-LAST_LINES:])


async def test_a_success_message_of_a_container_that_failed_afterwards_does_not_count(host):
    host.outcomes[PLAIN.name] = [Outcome(exit_code=9, result=success({"metrics": {}}))]
    await ensure_started(host, PLAIN, "owner")
    with pytest.raises(errors.StepCrashed, match="exit code 9"):
        await collect(host, PLAIN.name)


async def test_two_tries_that_find_the_same_failure_set_it_aside_once():
    host = InMemoryEdgeHost({IMAGE})
    host.outcomes[PLAIN.name] = [Outcome(exit_code=1), Outcome(runs=True), Outcome(runs=True)]
    await ensure_started(host, PLAIN, "first")

    class Late(InMemoryEdgeHost):
        """Between this worker's first look and its next call, another one does the whole of it."""

        done = False

        async def inspect(self, name):
            state = await super().inspect(name)
            if not Late.done and name == PLAIN.name:
                Late.done = True
                await ensure_started(host, PLAIN, "second")
            return state

    late = Late(set())
    vars(late).update(vars(host))
    await ensure_started(late, PLAIN, "third")
    running = [n for n, c in host.containers.items() if c.status == "running"]
    assert running == [PLAIN.name]


async def test_lines_of_two_streams_that_swap_places_are_both_shown():
    class Swapped(InMemoryEdgeHost):
        async def logs(self, name, since, follow):
            for stamp, text in (("2", "out"), ("1", "err"), ("2", "tie")):
                yield LogLine(stamp, text)

        async def wait(self, name):
            return None

    said = []
    stamps = [stamp async for stamp in follow(Swapped(set()), "x", "", said.append)]
    assert said == ["out", "err", "tie"]
    assert stamps[-1] == "2"


@pytest.mark.parametrize(
    "result", [None, json.dumps({"protocol": 0, "outcome": "succeeded", "value": {}}).encode()]
)
async def test_a_success_nobody_can_read_does_not_block_the_next_try(result):
    host = InMemoryEdgeHost({IMAGE})
    host.outcomes[PLAIN.name] = [Outcome(result=result), Outcome(result=success({"a": 1}))]
    await ensure_started(host, PLAIN, "first")
    with pytest.raises(errors.Final):
        await collect(host, PLAIN.name)
    await ensure_started(host, PLAIN, "second")
    assert await collect(host, PLAIN.name) == {"a": 1}
