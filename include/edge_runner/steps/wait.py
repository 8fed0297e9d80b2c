"""Waits until a partition is complete: what its project asks for is there and has not changed for a time.

Ages are measured on the store's clock, so a wrong clock on the site cannot make a partition look finished.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from edge_runner.blobs.access import StoreAccess
from edge_runner.blobs.store import BlobStore
from edge_runner.protocol import Dirs, StepError
from edge_runner.selection import Selection
from edge_runner.sentences import first_few

CONTRACT_CHECK = "edge_runner.check_contract"
OWN_CODE = Path(__file__).parents[2]


@dataclass(frozen=True)
class Part:
    """What is there of one partition: number and bytes of its blobs, and when one changed last."""

    blobs: int
    size_bytes: int
    changed_at: datetime | None


@dataclass(frozen=True)
class Arrival:
    """What a look at the store found.

    Attributes:
        blobs: Number of blobs of all partitions.
        size_bytes: Their sizes' sum.
        quiet_s: Seconds since the newest change, on the store's clock.
        lacks: What partitions lack, each with their prefixes.
    """

    blobs: int
    size_bytes: int
    quiet_s: float
    lacks: Mapping[str, Sequence[str]]

    @property
    def lack(self) -> str:
        """What is lacking, for people; empty when nothing is."""
        return " and ".join(f"{what} under {first_few(prefixes)}" for what, prefixes in self.lacks.items())


@dataclass(frozen=True)
class Clock:
    """Where time comes from."""

    now_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def run(request: Mapping[str, Any], secrets: Mapping[str, str], dirs: Dirs) -> dict[str, Any]:
    """Wait for the partition.

    Returns:
        `blobs` and `size_bytes` of what arrived.

    Raises:
        StepError: kind `ContractInvalid`, before anything is waited for; `PartitionEmpty` or
            `PartitionSkipped`, when the time is over; `StoreUnavailable`; `StoreRefused`.
    """
    require_contract(request["contract"])
    with closing(BlobStore(StoreAccess.of(request, secrets, dirs))) as store:
        arrival = wait_until_ready(store, request, Clock())
    return {"blobs": arrival.blobs, "size_bytes": arrival.size_bytes}


def require_contract(text: str) -> None:
    """Make sure that the data, once they are there, can be held against their contract.

    In a process of its own, for the libraries that it takes would stay in memory for the whole wait.

    Raises:
        StepError: kind `ContractInvalid`.
    """
    inherited = os.environ.get("PYTHONPATH", "")  # where the image has its packages
    done = subprocess.run(
        [sys.executable, "-B", "-m", CONTRACT_CHECK, "-"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (str(OWN_CODE), inherited)))},
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 1 and done.stdout:
        raise StepError("ContractInvalid", done.stdout.strip())
    if done.returncode != 0:
        raise RuntimeError(f"the check of the contract ended with {done.returncode}: {done.stderr[-500:]}")


def wait_until_ready(store: BlobStore, request: Mapping[str, Any], clock: Clock) -> Arrival:
    """Look at the store again and again until the partition is complete.

    Args:
        store: The container.
        request: `prefixes`, `partition`, `include`, `exclude`, `ready` (`marker`, `min_blobs`,
            `min_size_bytes`, `quiet_s`), `on_time_limit`, and in seconds `poll_s`, `time_limit_s`.
        clock: Where time comes from.

    Raises:
        StepError: kind `PartitionEmpty` or `PartitionSkipped`, when the time is over.
    """
    quiet_s = request["ready"]["quiet_s"]
    deadline_s = clock.now_s() + request["time_limit_s"]
    while True:
        arrival = look(store, request)
        if not arrival.lacks and arrival.quiet_s >= quiet_s:
            print(f"{arrival.blobs} blobs, unchanged for {arrival.quiet_s:.0f} s", flush=True)
            return arrival
        if clock.now_s() >= deadline_s:
            raise _incomplete(arrival, request)
        print(f"waiting: {_progress(arrival, quiet_s)}", flush=True)
        clock.sleep(min(request["poll_s"], max(0.0, deadline_s - clock.now_s())))


def look(store: BlobStore, request: Mapping[str, Any]) -> Arrival:
    """Look for every marker, then list every prefix once; without its markers no partition is listed."""
    prefixes, ready, selection = request["prefixes"], request["ready"], Selection.of(request)
    if marker := ready["marker"]:
        absent = [prefix for prefix in prefixes if not _is_there(store, prefix + marker)]
        if absent:
            return Arrival(0, 0, 0.0, {f"no {marker}": absent})
    parts, lacks, server_time = [], dict[str, list[str]](), None
    for prefix in prefixes:
        part, server_time = measure(store, prefix, selection)
        parts.append(part)
        if lack := _lack_of(part, ready):
            lacks.setdefault(lack, []).append(prefix)
    newest = max((part.changed_at for part in parts if part.changed_at), default=None)
    quiet_s = (server_time - newest).total_seconds() if server_time and newest else 0.0
    return Arrival(sum(part.blobs for part in parts), sum(part.size_bytes for part in parts), quiet_s, lacks)


def measure(store: BlobStore, prefix: str, selection: Selection) -> tuple[Part, datetime]:
    """List one prefix; gives what is there, and the store's time."""
    blobs, size_bytes = 0, 0
    changes: list[datetime] = []
    for page in store.list_pages(prefix):
        data = selection.data(page.blobs, prefix)
        blobs += len(data)
        size_bytes += sum(blob.size for blob in data)
        changes += map(parsedate_to_datetime, {blob.last_modified for blob in data})
        changes = [max(changes)] if changes else []
        server_time = page.server_time
    return Part(blobs, size_bytes, max(changes, default=None)), server_time


def _is_there(store: BlobStore, name: str) -> bool:
    return any(blob.name == name for page in store.list_pages(name) for blob in page.blobs)


def _lack_of(part: Part, ready: Mapping[str, Any]) -> str:
    if not part.blobs:
        return "no blobs"
    if part.blobs < ready["min_blobs"]:
        return f"fewer than {ready['min_blobs']} blobs"
    if part.size_bytes < ready["min_size_bytes"]:
        return f"less than {ready['min_size_bytes']} bytes"
    return ""


def _progress(arrival: Arrival, quiet_s: float) -> str:
    if arrival.lacks:
        return f"{arrival.lack}; {arrival.blobs} blobs with {arrival.size_bytes} bytes are there"
    return f"{arrival.blobs} blobs, newest {arrival.quiet_s:.0f} s old, {quiet_s:.0f} s wanted"


def _incomplete(arrival: Arrival, request: Mapping[str, Any]) -> StepError:
    finding, remedy = _finding(arrival, request)
    kind = "PartitionEmpty"
    if request["on_time_limit"] == "skip":
        kind, remedy = "PartitionSkipped", "it is left out; clear the task when the delivery has ended."
    limit_s = request["time_limit_s"]
    return StepError(
        kind, f"Partition {request['partition']} is not complete after {limit_s:.0f} s: {finding}; {remedy}"
    )


def _finding(arrival: Arrival, request: Mapping[str, Any]) -> tuple[str, str]:
    """What is wrong, and what to do about it."""
    if arrival.lacks:
        return (
            f"{arrival.lack} in container {request['container']}",
            "deliver the data and clear the task, or choose a partition that has data.",
        )
    return (
        f"its newest blob changed {arrival.quiet_s:.0f} s ago and {request['ready']['quiet_s']:.0f} s of "
        "quiet are wanted",
        "clear the task when the delivery has ended, or set a longer time limit.",
    )
