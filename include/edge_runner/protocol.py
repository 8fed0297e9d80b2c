"""The wire between the worker and a container on the site: one definition, used by both ends.

A container finds its work in its volume and gets secrets on standard input (see `bootstrap.py`). It answers
with one file, `result.json`, written atomically. Request and result carry the protocol's version; an unknown
version fails and names both.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROTOCOL = 1

EXIT_SUCCEEDED = 0
EXIT_REFUSED = 1
"""The step ended with a sentence in `result.json`."""
EXIT_DISK_FULL = 74
"""There was no room to write the result (EX_IOERR of sysexits.h); the last line says so."""
EXIT_NOT_DELIVERED = 75
"""The work or its secrets were incomplete (EX_TEMPFAIL of sysexits.h): nothing ran, deliver them again."""

CODE_DIR = "/edge/code"
DATA_DIR = "/edge/data"
INPUTS_DIR = "/edge/inputs"
JOB_VOLUME_DIR = "/edge/job"
CACHE_VOLUME_DIR = "/edge/cache"
WORK_NAME = "work"
"""The one directory of a volume that the job's user may write; the volume's root belongs to root and holds
what a job must not forge.
"""
JOB_DIR = f"{JOB_VOLUME_DIR}/{WORK_NAME}"
PAYLOAD_NAME = "payload"
"""In the root of a job's volume: what the job runs; a restarted container finds it again."""
DELIVERED_NAME = "delivered"
"""In the root of a job's volume: the files of a registered bundle, which the job may read and not write."""
COMPLETE_NAME = "complete"
"""In a view: the empty file that says that the view is there; gone when it was evicted."""
CACHE_DIR = f"{CACHE_VOLUME_DIR}/{WORK_NAME}"

PACKAGE_NAME = "edge_runner"
MODEL_CODE_NAME = "model"
REQUEST_NAME = "request.json"
SECRETS_NAME = "secrets.json"
RENEWED_NAME = "renewed.json"
"""Beside the code, in memory: the access to the blob store that was delivered last, while the step runs."""
WANTED_NAME = "access-wanted"
"""In the job's directory while its step needs another access to the blob store."""
RESULT_NAME = "result.json"
LOG_NAME = "output.log"
"""The raw log: every byte that the step wrote, over all its starts."""
ENDING_NAME = "ending.json"
"""What the runner saw of the step's end: size and digest of the raw log, the peak of memory."""
PROBE_NAME = "probe.json"
"""A scoring request and the evaluated model's answers, for verify; stays on the site."""


@dataclass(frozen=True)
class Dirs:
    """Where a step finds its files; the defaults are the container's."""

    job: Path = Path(JOB_DIR)
    """The job's own volume, read-write: results, models, checkpoints."""
    data: Path = Path(DATA_DIR)
    """The staged data, read-only."""
    cache: Path = Path(CACHE_DIR)
    """The site's content-addressed cache; mounted for staging only."""
    inputs: Path = Path(INPUTS_DIR)
    """Job volumes of earlier steps, read-only, one directory each."""
    code: Path = Path(CODE_DIR)
    """The step's code, its request and its secrets, in memory."""
    delivered: Path = Path(f"{JOB_VOLUME_DIR}/{DELIVERED_NAME}")
    """A registered bundle that was brought to the site for this job, read-only."""


@dataclass
class StepError(Exception):
    """A step's verdict against going on.

    Attributes:
        kind: The name of a class in `edge_training.errors`; it decides whether the task is retried.
        message: One sentence: what, where, expected, got and the remedy. Never a row's value.
        details: A small JSON-able report of aggregates.
    """

    kind: str
    message: str
    details: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message


NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
UNWRITABLE = (*NO_ROOM, errno.EROFS, errno.EIO)
"""What ends a step whose result cannot be written: the disk is full, or broken."""


def disk_full_sentence(error: OSError) -> str:
    """What a step says last when it cannot write any more."""
    return (
        f"The disk under the job's volume takes no more data ({error.strerror}): let maintain_site free some "
        "of it, enlarge or mend it, then clear the task."
    )


def succeeded(step: str, value: Mapping[str, Any], container: str) -> dict[str, Any]:
    """The result of a step that did its work in the container of this host name."""
    return {
        "protocol": PROTOCOL,
        "step": step,
        "outcome": "succeeded",
        "value": dict(value),
        "container": container,
    }


def refused(step: str, error: StepError) -> dict[str, Any]:
    """The result of a step that ended with a sentence."""
    return {
        "protocol": PROTOCOL,
        "step": step,
        "outcome": "refused",
        "error": {"kind": error.kind, "message": error.message, "details": error.details},
    }


def canonical_json(value: object) -> bytes:
    """JSON with one spelling: sorted keys, no spaces, UTF-8; the form that digests are taken of."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def write_atomically(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Write a file, whole or piece by piece, so that a reader sees all of it or none of it."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        file.writelines([content] if isinstance(content, bytes) else content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def read_message(raw: bytes, origin: str) -> dict[str, Any]:
    """Decode a request or result and check its protocol version.

    Raises:
        StepError: kind `ProtocolMismatch`, when it is not JSON or of another version.
    """
    try:
        message = json.loads(raw)
        version = message["protocol"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StepError(
            "ProtocolMismatch",
            f"{origin} is no message of protocol {PROTOCOL}; clear the task to run the step again.",
        ) from error
    if version != PROTOCOL:
        raise StepError(
            "ProtocolMismatch",
            f"{origin} speaks protocol {version}, expected {PROTOCOL}; use the same release on both ends.",
        )
    return dict(message)
