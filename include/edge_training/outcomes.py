"""What a finished container amounts to: the step's value, an interruption to go on from, or one error that
says why there is no value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from edge_runner import frames, protocol
from edge_runner.output import LAST_LINES
from edge_training import errors
from edge_training.ports.edge_host import ContainerState, EdgeHost

RESULT_PATH = f"{protocol.JOB_DIR}/{protocol.RESULT_NAME}"
ENDING_PATH = f"{protocol.JOB_DIR}/{protocol.ENDING_NAME}"
ASKED_LINES = 10 * LAST_LINES
"""More than are shown: points of metrics lie between them."""
SIGNALS = {137: "SIGKILL", 143: "SIGTERM", 255: "the end of its VM or Docker daemon"}
"""Exit codes that say that somebody else ended the container; 255 is Docker's for one it finds dead."""

Phase = Literal["absent", "created", "running", "succeeded", "interrupted", "failed"]


@dataclass(frozen=True)
class Ending:
    """What the runner wrote down of a step's end.

    Attributes:
        log_size_bytes: Size of the raw log.
        log_sha256: Its digest.
        memory_peak_bytes: The most memory the container has used; None when the kernel does not say.
    """

    log_size_bytes: int
    log_sha256: str
    memory_peak_bytes: int | None


async def phase(host: EdgeHost, state: ContainerState | None) -> Phase:
    """Where in its life a job's container is.

    An exit by signal without a verdict is an interruption: nobody knows a fault of the job, and the same
    start may go well. So is a verdict that says so itself. A success that cannot be read is a failure.
    """
    if state is None:
        return "absent"
    if state.status in ("created", "running"):
        return "created" if state.status == "created" else "running"
    if state.status == "dead":
        return "failed"
    if state.exit_code == protocol.EXIT_NOT_DELIVERED:
        return "created"
    try:
        result = await read_result(host, state.name)
    except errors.ProtocolMismatch:
        return "failed"
    if state.exit_code == protocol.EXIT_SUCCEEDED:
        return "succeeded" if result and result["outcome"] == "succeeded" else "failed"
    return "interrupted" if isinstance(evident_failure(state, result), errors.JobInterrupted) else "failed"


async def collect(host: EdgeHost, name: str) -> dict[str, Any]:
    """The value of a finished job.

    Raises:
        EdgeError: The one that says why there is no value.
    """
    state = await existing(host, name)
    if state.status in ("created", "running"):
        raise errors.JobInterrupted(
            f"{name} had ended and was begun again by another run; the next try waits for its end."
        )
    result = await read_result(host, name)
    if state.exit_code == protocol.EXIT_SUCCEEDED and result is not None and result["outcome"] == "succeeded":
        return dict(result["value"])
    raise evident_failure(state, result) or failure_by_lines(state, await last_lines(host, name))


async def existing(host: EdgeHost, name: str) -> ContainerState:
    """The state of a container that must be there.

    Raises:
        JobInterrupted: Somebody removed it.
    """
    state = await host.inspect(name)
    if state is None:
        raise errors.JobInterrupted(
            f"The container {name} was removed from the site; the next try starts it again."
        )
    return state


async def read_result(host: EdgeHost, name: str) -> dict[str, Any] | None:
    """The result message, or None when the container left none.

    Raises:
        ProtocolMismatch: The result is of another protocol version, or tells no end.
    """
    return decode_result(await host.read_file(name, RESULT_PATH))


def decode_result(raw: bytes | None) -> dict[str, Any] | None:
    """See `read_result`."""
    if raw is None:
        return None
    try:
        result = protocol.read_message(raw, "the job's result")
    except protocol.StepError as error:
        raise errors.ProtocolMismatch(error.message) from None
    if not tells_an_end(result):
        raise errors.ProtocolMismatch(
            "The job's result does not tell how its step ended; clear the task to run the step again."
        )
    return result


def tells_an_end(result: Mapping[str, Any]) -> bool:
    """Whether a result has an outcome and the fields that go with it; a script may have written it."""
    match result:
        case {"outcome": "succeeded", "value": dict()}:
            return True
        case {"outcome": "refused", "error": {"kind": str(), "message": str(), "details": dict()}}:
            return True
    return False


async def read_ending(host: EdgeHost, name: str) -> Ending | None:
    """What the runner wrote down of the step's last end, where a script may write as well; None when there
    is nothing, or what makes no sense.
    """
    try:
        written = json.loads(await host.read_file(name, ENDING_PATH) or b"null")
    except (ValueError, RecursionError):
        return None
    match written:
        case {
            "log": {"size_bytes": int(size), "sha256": str(digest)},
            "memory_peak_bytes": int() | None as peak,
        }:
            return Ending(size, digest, peak)
    return None


def evident_failure(state: ContainerState, result: Mapping[str, Any] | None) -> errors.EdgeError | None:
    """Name the reason for a container's bad end, most certain evidence first; None when only its last lines
    may tell.
    """
    verdict = verdict_of(state, result)
    if state.out_of_memory and not isinstance(verdict, errors.OutOfMemory):
        limit_mib = state.memory_limit_bytes // 2**20
        return errors.OutOfMemory(
            f"{state.name} needed more than its memory limit of {limit_mib} MiB; raise the step's memory "
            "or use less data."
        )
    if verdict is not None:
        return verdict
    if state.exit_code in SIGNALS:
        return errors.JobInterrupted(
            f"{state.name} was ended from outside by {SIGNALS[state.exit_code]}; the next try resumes from "
            "its last checkpoint."
        )
    if state.exit_code == protocol.EXIT_NOT_DELIVERED:
        return errors.JobInterrupted(
            f"The input of {state.name} did not arrive whole; the next try delivers it again."
        )
    return None


def failure_by_lines(state: ContainerState, last: list[str]) -> errors.EdgeError:
    """Name the reason for a bad end without a verdict by what the container wrote last."""
    if state.exit_code == protocol.EXIT_DISK_FULL:
        return errors.DiskFull(f"{state.name}: {last[-1] if last else 'its disk is full.'}")
    tail = "\n".join(last)
    return errors.StepCrashed(
        f"{state.name} ended with exit code {state.exit_code} and left no result; its last lines "
        f"were:\n{tail}"
    )


def verdict_of(state: ContainerState, result: Mapping[str, Any] | None) -> errors.EdgeError | None:
    """The error that the step itself named; None when it did not end by naming one."""
    if result is None or result["outcome"] != "refused" or state.exit_code != protocol.EXIT_REFUSED:
        return None
    error = result["error"]
    return errors.error_of_kind(error["kind"], error["message"], error["details"])


async def last_lines(host: EdgeHost, name: str) -> list[str]:
    """The last lines of a job or service, as people read them."""
    shown = [as_text(line.text) for line in await host.tail(name, ASKED_LINES)]
    return [text for text in shown if text is not None][-LAST_LINES:]


def as_text(docker_line: str) -> str | None:
    """What people read of a line of Docker's log; None for a line that is not for them."""
    if docker_line == frames.RECEIVED:
        return None
    frame = frames.decode(docker_line)
    if isinstance(frame, frames.Point):
        return None
    return frame.text if frame else docker_line
