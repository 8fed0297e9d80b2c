"""Waits until a partition is complete: every prefix has blobs, and none has changed for a set time.

Ages are measured on the store's clock, so a wrong clock on the site cannot make a partition look finished.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from edge_runner.blobs.access import StoreAccess
from edge_runner.blobs.store import BlobStore
from edge_runner.protocol import Dirs, StepError


@dataclass(frozen=True)
class Arrival:
    """What a look at the store found.

    Attributes:
        blobs: Number of blobs under all prefixes.
        size_bytes: Their sizes' sum.
        empty_prefixes: Prefixes without a blob.
        quiet_s: Seconds since the newest change, on the store's clock.
    """

    blobs: int
    size_bytes: int
    empty_prefixes: tuple[str, ...]
    quiet_s: float


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
        StepError: kind `PartitionEmpty`, when the time is over; `StoreUnavailable`; `StoreRefused`.
    """
    with closing(BlobStore(StoreAccess.of(request, secrets))) as store:
        arrival = wait_until_quiet(store, request, Clock())
    return {"blobs": arrival.blobs, "size_bytes": arrival.size_bytes}


def wait_until_quiet(store: BlobStore, request: Mapping[str, Any], clock: Clock) -> Arrival:
    """Look at the store again and again until the partition is complete.

    Args:
        store: The container.
        request: `prefixes`, `partition`, and in seconds `quiet_s`, `poll_s`, `time_limit_s`.
        clock: Where time comes from.

    Raises:
        StepError: kind `PartitionEmpty`, when the time is over.
    """
    deadline_s = clock.now_s() + request["time_limit_s"]
    while True:
        arrival = look(store, request["prefixes"])
        if not arrival.empty_prefixes and arrival.quiet_s >= request["quiet_s"]:
            print(f"{arrival.blobs} blobs, unchanged for {arrival.quiet_s:.0f} s", flush=True)
            return arrival
        if clock.now_s() >= deadline_s:
            raise StepError("PartitionEmpty", _why_incomplete(arrival, request))
        print(_progress(arrival, request["quiet_s"]), flush=True)
        clock.sleep(min(request["poll_s"], max(0.0, deadline_s - clock.now_s())))


def look(store: BlobStore, prefixes: list[str]) -> Arrival:
    """List every prefix once."""
    blobs, size_bytes = 0, 0
    empty: list[str] = []
    newest: datetime | None = None
    server_time: datetime | None = None
    for prefix in prefixes:
        blobs_before = blobs
        for page in store.list_pages(prefix):
            server_time = page.server_time
            for blob in page.blobs:
                blobs += 1
                size_bytes += blob.size
                newest = blob.last_modified if newest is None else max(newest, blob.last_modified)
        if blobs == blobs_before:
            empty.append(prefix)
    quiet_s = (server_time - newest).total_seconds() if server_time and newest else 0.0
    return Arrival(blobs, size_bytes, tuple(empty), quiet_s)


def _progress(arrival: Arrival, quiet_s: float) -> str:
    if arrival.empty_prefixes:
        return f"waiting: no blobs yet under {_some(arrival.empty_prefixes)}"
    return f"waiting: {arrival.blobs} blobs, newest {arrival.quiet_s:.0f} s old, {quiet_s:.0f} s wanted"


def _why_incomplete(arrival: Arrival, request: Mapping[str, Any]) -> str:
    start = f"Partition {request['partition']} is not complete after {request['time_limit_s']:.0f} s: "
    if arrival.empty_prefixes:
        return (
            f"{start}no blobs under {_some(arrival.empty_prefixes)} in container {request['container']}; "
            "deliver the data and clear the task, or choose a partition that has data."
        )
    return (
        f"{start}its newest blob changed {arrival.quiet_s:.0f} s ago and {request['quiet_s']:.0f} s of quiet "
        "are wanted; clear the task when the delivery has ended, or set a longer time limit."
    )


def _some(prefixes: tuple[str, ...]) -> str:
    listed = ", ".join(prefixes[:3])
    return listed if len(prefixes) <= 3 else f"{listed} and {len(prefixes) - 3} more"
