"""How a container's end is named, and what is taken for a result."""

from __future__ import annotations

import json

import pytest
from tests.fakes.edge_host import InMemoryEdgeHost, Outcome, refusal, success
from tests.jobs import IMAGE, OWNER, PLAIN

from edge_runner import frames
from edge_training import errors
from edge_training.lifecycle import ensure_started
from edge_training.outcomes import (
    ENDING_PATH,
    LAST_LINES,
    as_text,
    collect,
    decode_result,
    evident_failure,
    failure_by_lines,
    phase,
    read_ending,
)
from edge_training.ports.edge_host import ContainerState, LogLine


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


REFUSED = json.loads(refusal("DataRejected", "Too many nulls.", {"rules": 3}))
KILLED = json.loads(refusal("OutOfMemory", "The peak was 511 MiB."))
GRADES = [
    ({"exit_code": 137, "out_of_memory": True}, None, errors.OutOfMemory, "512 MiB"),
    ({"exit_code": 1, "out_of_memory": True}, REFUSED, errors.OutOfMemory, "512 MiB"),
    ({"exit_code": 1, "out_of_memory": True}, KILLED, errors.OutOfMemory, "The peak was 511 MiB"),
    ({"exit_code": 137}, None, errors.JobInterrupted, "SIGKILL"),
    ({"exit_code": 143}, None, errors.JobInterrupted, "SIGTERM"),
    ({"exit_code": 143}, REFUSED, errors.JobInterrupted, "SIGTERM"),
    ({"exit_code": 255}, None, errors.JobInterrupted, "VM or Docker daemon"),
    ({"exit_code": 75}, None, errors.JobInterrupted, "did not arrive whole"),
    ({"exit_code": 74}, None, errors.DiskFull, "last words"),
    ({"exit_code": 1}, REFUSED, errors.DataRejected, "Too many nulls"),
    ({"exit_code": 1}, json.loads(refusal("Unheard", "x")), errors.ProtocolMismatch, "same release"),
    ({"exit_code": 1}, None, errors.StepCrashed, "exit code 1"),
    ({"exit_code": 0}, None, errors.StepCrashed, "left no result"),
    ({"exit_code": 127, "status": "dead"}, None, errors.StepCrashed, "last words"),
]


@pytest.mark.parametrize(("changes", "result", "kind", "sentence"), GRADES)
def test_a_bad_end_is_named_by_its_most_certain_evidence(changes, result, kind, sentence):
    ended = state(**changes)
    error = evident_failure(ended, result) or failure_by_lines(ended, ["first", "last words"])
    assert type(error) is kind
    assert sentence in str(error)


PHASES = [
    ({"status": "created", "exit_code": 0}, None, "created"),
    ({"status": "running", "exit_code": 0}, None, "running"),
    ({"exit_code": 75}, None, "created"),
    ({"exit_code": 0}, success({}), "succeeded"),
    ({"exit_code": 0}, None, "failed"),
    ({"exit_code": 0}, b'{"protocol": 0}', "failed"),
    ({"exit_code": 0}, b'{"protocol": 1}', "failed"),
    ({"exit_code": 1}, b'{"protocol": 1, "outcome": "refused"}', "failed"),
    ({"exit_code": 137}, None, "interrupted"),
    ({"exit_code": 255}, None, "interrupted"),
    ({"exit_code": 137, "out_of_memory": True}, None, "failed"),
    ({"exit_code": 137}, success({}), "interrupted"),
    ({"exit_code": 1}, refusal("JobInterrupted", "SIGTERM"), "interrupted"),
    ({"exit_code": 1}, refusal("DataRejected", "Too many nulls."), "failed"),
    ({"exit_code": 74}, None, "failed"),
    ({"status": "dead", "exit_code": 137}, None, "failed"),
]


@pytest.mark.parametrize(("changes", "result", "expected"), PHASES)
async def test_only_an_end_without_a_fault_of_the_job_is_an_interruption(changes, result, expected):
    class Left(InMemoryEdgeHost):
        async def read_file(self, name, path):
            return result

    assert await phase(Left(set()), state(**changes)) == expected


async def test_no_container_is_absent():
    assert await phase(InMemoryEdgeHost(set()), None) == "absent"


def test_the_report_of_a_refusal_reaches_the_worker():
    assert evident_failure(state(), REFUSED).details == {"rules": 3}


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"protocol":', b'{"protocol": 2}', b"[" * 10**5])
def test_a_result_that_is_no_message_of_this_protocol_is_a_mismatch(raw):
    with pytest.raises(errors.ProtocolMismatch, match="protocol"):
        decode_result(raw)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"outcome": ["succeeded"], "value": {}},
        {"outcome": "unheard", "value": {}},
        {"outcome": "succeeded"},
        {"outcome": "succeeded", "value": [1]},
        {"outcome": "refused"},
        {"outcome": "refused", "error": "Too many nulls."},
        {"outcome": "refused", "error": {"kind": "DataRejected", "message": "Too many nulls."}},
        {"outcome": "refused", "error": {"kind": 1, "message": "", "details": {}}},
        {"outcome": "refused", "error": {"kind": "DataRejected", "message": "", "details": None}},
    ],
)
def test_a_result_that_tells_no_end_is_a_mismatch(fields):
    """A script can write there, and other jobs' results are read too."""
    with pytest.raises(errors.ProtocolMismatch, match="does not tell how its step ended; clear the task"):
        decode_result(json.dumps({"protocol": 1, **fields}).encode())


@pytest.mark.parametrize("raw", [success({"metrics": {}}), refusal("DataRejected", "Too many nulls.")])
def test_what_our_steps_write_is_a_result(raw):
    assert decode_result(raw) == json.loads(raw)


def test_no_result_is_none():
    assert decode_result(None) is None


async def test_a_job_somebody_removed_is_started_by_the_next_try():
    with pytest.raises(errors.JobInterrupted, match="the next try starts it again"):
        await collect(InMemoryEdgeHost({IMAGE}), PLAIN.name)


async def test_a_crash_shows_the_last_lines_only():
    host = InMemoryEdgeHost({IMAGE})
    lines = tuple(f"line {number}" for number in range(LAST_LINES + 10))
    host.outcomes[PLAIN.name] = [Outcome(exit_code=2, lines=lines)]
    await ensure_started(host, PLAIN, OWNER)
    with pytest.raises(errors.StepCrashed) as caught:
        await collect(host, PLAIN.name)
    assert str(caught.value).splitlines()[1:] == list(lines[-LAST_LINES:])


class Silent(InMemoryEdgeHost):
    """A site whose Docker must not be asked for a log."""

    async def tail(self, name, count):
        raise AssertionError(name)


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (Outcome(exit_code=1, result=refusal("DataRejected", "Too many nulls.")), errors.DataRejected),
        (Outcome(exit_code=137, out_of_memory=True), errors.OutOfMemory),
        (Outcome(exit_code=143), errors.JobInterrupted),
    ],
)
async def test_lines_are_not_fetched_where_they_say_nothing(outcome, kind):
    host = Silent({IMAGE})
    host.outcomes[PLAIN.name] = [outcome]
    await ensure_started(host, PLAIN, OWNER)
    with pytest.raises(kind):
        await collect(host, PLAIN.name)


async def test_lines_are_shown_although_points_lie_between_them():
    host = InMemoryEdgeHost({IMAGE})
    host.outcomes[PLAIN.name] = [Outcome(exit_code=2, lines=("the reason",))]
    await ensure_started(host, PLAIN, OWNER)
    point = frames.Point(1, "loss", 0.5, 7).encoded()
    host.containers[PLAIN.name].lines += [LogLine("9", point)] * (2 * LAST_LINES)
    with pytest.raises(errors.StepCrashed, match="the reason"):
        await collect(host, PLAIN.name)


@pytest.mark.parametrize(
    "left",
    [
        None,
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"{}",
        b"[" * 10**5,
        b'{"log": 1, "memory_peak_bytes": 1}',
        b'{"log": {"size_bytes": "7", "sha256": "a"}, "memory_peak_bytes": 1}',
        b'{"log": {"size_bytes": Infinity, "sha256": "a"}, "memory_peak_bytes": 1}',
        b'{"log": {"size_bytes": 7, "sha256": null}, "memory_peak_bytes": 1}',
        b'{"log": {"size_bytes": 7, "sha256": "a"}, "memory_peak_bytes": "much"}',
        b'{"log": {"size_bytes": 7, "sha256": "a"}}',
    ],
)
async def test_an_ending_that_makes_no_sense_is_none(left):
    class Left(InMemoryEdgeHost):
        async def read_file(self, name, path):
            assert path == ENDING_PATH
            return left

    assert await read_ending(Left(set()), PLAIN.name) is None


async def test_a_success_message_of_a_container_that_failed_afterwards_does_not_count():
    host = InMemoryEdgeHost({IMAGE})
    host.outcomes[PLAIN.name] = [Outcome(exit_code=9, result=success({"metrics": {}}))]
    await ensure_started(host, PLAIN, OWNER)
    with pytest.raises(errors.StepCrashed, match="exit code 9"):
        await collect(host, PLAIN.name)


def test_people_read_text_and_no_frames():
    assert as_text(frames.Line(3, 9, "hello").encoded()) == "hello"
    assert as_text("python3: not found") == "python3: not found"
    assert as_text(frames.Point(1, "loss", 0.5, 7).encoded()) is None
    assert as_text(frames.RECEIVED) is None
