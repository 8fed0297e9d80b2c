"""Edge jobs: one container on the site for one step, created at most once, adopted by whoever comes later.

`EdgeJob` says what the job is. `ensure_started` looks before it acts: it creates, starts or adopts. `collect`
turns a finished container into the step's value or into the one error that says why there is none.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import edge_runner
from edge_runner import protocol
from edge_training import errors, identity
from edge_training.ports.edge_host import (
    DEFAULT_LIMITS,
    BlobForward,
    ContainerSpec,
    ContainerState,
    EdgeHost,
    Limits,
    Mount,
    RegistryLogin,
)

RUNNER_FOLDER = Path(edge_runner.__file__).parent
OWNER_PATH = f"{protocol.JOB_VOLUME_DIR}/owner.json"
RESULT_PATH = f"{protocol.JOB_DIR}/{protocol.RESULT_NAME}"
LAST_LINES = 50
SIGNAL_EXIT_CODES = {137: "SIGKILL", 143: "SIGTERM"}


@dataclass(frozen=True)
class EdgeJob:
    """One step on a site.

    Attributes:
        step: Module name under `edge_runner.steps`.
        key: Identity, from `identity`.
        image: Image reference by digest.
        request: What the step is asked, JSON-able.
        secrets: What it needs and nobody may read.
        code: The model's code, by relative path.
        inputs: Name of an earlier job's container by the name the step knows it under.
        mounts: Further volumes: staged data, the cache.
        storage: The blob store to reach; None for no network.
        limits: CPU, memory and the like.
        labels: What housekeeping and people want to know.
        login: Who pulls the image.
    """

    step: str
    key: str
    image: str
    request: Mapping[str, Any]
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    code: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    inputs: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    storage: BlobForward | None = None
    limits: Limits = DEFAULT_LIMITS
    labels: Mapping[str, str] = field(default_factory=dict)
    login: RegistryLogin | None = None

    @property
    def name(self) -> str:
        """The container, and the job's volume."""
        return identity.container_name(self.step, self.key)

    def container(self) -> ContainerSpec:
        """What Docker is told."""
        inputs = tuple(
            Mount(container, f"{protocol.INPUTS_DIR}/{name}", subpath=protocol.WORK_NAME)
            for name, container in sorted(self.inputs.items())
        )
        return ContainerSpec(
            name=self.name,
            image=self.image,
            command=("python3", "-c", (RUNNER_FOLDER / "bootstrap.py").read_text()),
            mounts=(Mount(self.name, protocol.JOB_VOLUME_DIR, read_only=False), *inputs, *self.mounts),
            storage=self.storage,
            limits=self.limits,
            labels=identity.labels(step=self.step, key=self.key, **self.labels),
        )

    def payload(self) -> bytes:
        """The header line and the tar that go to the container's standard input."""
        message = {"protocol": protocol.PROTOCOL, "step": self.step, "request": dict(self.request)}
        files = {
            f"{protocol.PACKAGE_NAME}/{path}": content
            for path, content in identity.read_code(RUNNER_FOLDER).items()
        }
        files |= {f"{protocol.MODEL_CODE_NAME}/{path}": content for path, content in self.code.items()}
        files[protocol.REQUEST_NAME] = protocol.canonical_json(message)
        files[protocol.SECRETS_NAME] = protocol.canonical_json(dict(self.secrets))
        packed = pack(files)
        header = {
            "protocol": protocol.PROTOCOL,
            "length": len(packed),
            "sha256": hashlib.sha256(packed).hexdigest(),
        }
        return json.dumps(header).encode() + b"\n" + packed


def pack(files: Mapping[str, bytes]) -> bytes:
    """A tar of files that only their owner reads."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(content), 0o600
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


async def ensure_started(host: EdgeHost, job: EdgeJob, owner: str) -> ContainerState:
    """Bring the job's container to running or finished, without ever making a second one.

    Absent: create it. Created, never started: start it. Running, or exited well with a result: adopt it.
    Anything else: set it aside and start anew on the same volume, so that checkpoints are found. The owner is
    recorded first: a killed try that comes late must not stop what the new one starts.

    Args:
        host: The site.
        job: The job.
        owner: Who watches the job from now on; see `stop_if_owned`.
    """
    state = await host.inspect(job.name)
    if state is not None and await is_spent(host, state):
        await set_aside(host, state)
        state = None
    spec = job.container()
    if state is None:
        await host.ensure_image(job.image, job.login)
        await host.create(spec)
        state = await existing(host, job.name)
    await host.write_file(job.name, OWNER_PATH, protocol.canonical_json({"owner": owner}))
    if state.status == "created":
        await host.start(spec, job.payload())
        state = await existing(host, job.name)
    return state


async def is_spent(host: EdgeHost, state: ContainerState) -> bool:
    """Whether the container has ended without a result that this release can take over."""
    if state.status != "exited" or finished_badly(state):
        return finished_badly(state)
    try:
        return decode_result(await host.read_file(state.name, RESULT_PATH)) is None
    except errors.ProtocolMismatch:
        return True


def finished_badly(state: ContainerState) -> bool:
    """Whether the container has ended without a result worth adopting."""
    return state.status == "dead" or (state.status == "exited" and state.exit_code != protocol.EXIT_SUCCEEDED)


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


async def set_aside(host: EdgeHost, failed: ContainerState) -> None:
    """Rename a failed container to the first free name, so that it can be examined and does not block the
    next try.

    By its id: under its name there may by now be the container that another try has started.
    """
    number = 1
    while await host.inspect(identity.set_aside_name(failed.name, number)) is not None:
        number += 1
    await host.rename(failed.id, identity.set_aside_name(failed.name, number))


async def stop_if_owned(host: EdgeHost, name: str, owner: str, grace_s: int) -> bool:
    """Stop the job unless somebody else watches it by now; tells whether it was stopped.

    A cleared task's old trigger is told to kill only after the new try has adopted the container; the owner's
    record tells the two apart.
    """
    record = await host.read_file(name, OWNER_PATH)
    if record is None or json.loads(record)["owner"] != owner:
        return False
    await host.stop(name, grace_s)
    return True


async def follow(host: EdgeHost, name: str, since: str, emit: Callable[[str], object]) -> AsyncIterator[str]:
    """Pass a job's lines on until it ends.

    Args:
        host: The site.
        name: The job's container.
        since: Stamp of the last line that was passed on before; empty for none.
        emit: Takes one line.

    Yields:
        The stamp of each line once it was passed on, to go on from after a lost connection.
    """
    last = since
    async for line in host.logs(name, since, follow=True):
        # Held against the start, not the line before: stdout and stderr may swap places or share a stamp.
        if line.time > since:
            emit(line.text)
            last = max(last, line.time)
            yield last
    await host.wait(name)


async def collect(host: EdgeHost, name: str) -> dict[str, Any]:
    """The value of a finished job.

    Raises:
        EdgeError: The one that says why there is no value.
    """
    state = await existing(host, name)
    raw = await host.read_file(name, RESULT_PATH)
    result = decode_result(raw)
    if state.exit_code == protocol.EXIT_SUCCEEDED and result is not None and result["outcome"] == "succeeded":
        return dict(result["value"])
    raise failure(state, result, await last_lines(host, name))


def decode_result(raw: bytes | None) -> dict[str, Any] | None:
    """The result message, or None when the container left none.

    Raises:
        ProtocolMismatch: The result is of another protocol version.
    """
    if raw is None:
        return None
    try:
        return protocol.read_message(raw, "the job's result")
    except protocol.StepError as error:
        raise errors.ProtocolMismatch(error.message) from None


def failure(state: ContainerState, result: Mapping[str, Any] | None, last: list[str]) -> errors.EdgeError:
    """Name the reason for a container's bad end, most certain evidence first."""
    if state.out_of_memory:
        limit_mib = state.memory_limit_bytes // 2**20
        return errors.OutOfMemory(
            f"{state.name} needed more than its memory limit of {limit_mib} MiB; raise the step's memory "
            "or use less data."
        )
    if state.exit_code in SIGNAL_EXIT_CODES:
        cause = SIGNAL_EXIT_CODES[state.exit_code]
        return errors.JobInterrupted(
            f"{state.name} was ended from outside by {cause}; the next try resumes from its last checkpoint."
        )
    if state.exit_code == protocol.EXIT_NOT_DELIVERED:
        return errors.JobInterrupted(
            f"The input of {state.name} did not arrive whole; the next try delivers it again."
        )
    if result is not None and result["outcome"] == "refused":
        error = result["error"]
        return errors.error_of_kind(error["kind"], error["message"], error["details"])
    tail = "\n".join(last)
    return errors.StepCrashed(
        f"{state.name} ended with exit code {state.exit_code} and left no result; its last lines "
        f"were:\n{tail}"
    )


async def last_lines(host: EdgeHost, name: str) -> list[str]:
    """The last lines the container wrote."""
    lines = [line.text async for line in host.logs(name, since="", follow=False)]
    return lines[-LAST_LINES:]
