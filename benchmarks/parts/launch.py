"""How long it takes from a task's `execute` to the first line of its script in the log.

Cold: a fresh process, all imported, opens a connection. Warm: the process has one open; SSHOperator cannot
use it again, its hook can. Deferred: the worker starts the job, the triggerer shows its lines. Peer: `docker
run` of the same script and image; SSHRemoteJobOperator looks every second, the shortest interval that leaves
CPU to others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from airflow.sdk import BaseOperator

from benchmarks import ours, peer, scripts
from benchmarks.bench import Bench
from benchmarks.figures import Figure, median_of
from benchmarks.tail import Tail, anything
from benchmarks.triggerer import triggerer
from benchmarks.worker import Executed, executed, task_process

REPEATS = 5
LIMIT_S = 60
Make = tuple[Callable[..., BaseOperator], tuple[Any, ...]]
"""How an operator is made."""


def figures(bench: Bench) -> Iterator[Figure]:
    """Cold, warm, and through the triggerer."""
    image, script = bench.site.training_image, scripts.one_tick()
    command = peer.docker_run(bench, script)
    yield Figure(
        "first line, cold connection",
        cold(bench, (ours.operator, (image, script, False))),
        cold(bench, (peer.operator, (command,))),
        peer.OPERATOR,
        "s",
    )
    yield Figure(
        "first line, warm connection",
        warm(bench, ours.launched_warm, image, [script] * REPEATS),
        warm(bench, peer.launched_warm, [command] * REPEATS),
        f"{peer.OPERATOR}'s hook",
        "s",
    )
    yield Figure(
        "first line, deferred",
        deferred(bench, (ours.operator, (image, script, True))),
        deferred(bench, (peer.remote_job, (command, bench.fresh("vm"), peer.BEST))),
        peer.REMOTE_JOB,
        "s",
    )


def cold(bench: Bench, make: Make) -> float | None:
    """A process and a connection for each launch."""
    return median_of(launched(bench, make)[0] for _ in range(REPEATS))


def launched(bench: Bench, make: Make) -> tuple[float | None, Executed]:
    """Launch once; gives the time to the first line in the worker's log, and how the worker ended."""
    log_file = bench.fresh("task") / "task.log"
    tail = Tail(log_file, scripts.TICK)
    with task_process(log_file, bench.connections(), executed, make[0], *make[1]) as future:
        while not future.done() and not tail.arrivals:
            tail.wait(anything, limit_s=0.1)
        end: Executed = future.result()
    tail.look()
    return (tail.arrivals[0].seen_at - end.began_at if tail.arrivals else None), end


def warm(bench: Bench, work: Callable[..., Any], *arguments: Any) -> float | None:
    """Several launches through one connection."""
    log_file = bench.fresh("task") / "task.log"
    tail = Tail(log_file, scripts.TICK)
    with task_process(log_file, bench.connections(), work, *arguments) as future:
        while not future.done():
            tail.wait(anything, limit_s=0.1)
        asked_at = future.result()
    return median_of(arrival.seen_at - asked for asked, arrival in zip(asked_at, tail.arrivals, strict=True))


def deferred(bench: Bench, make: Make) -> float | None:
    """The worker's part, then the triggerer's; handing over between them is not measured."""
    with triggerer(bench.fresh("triggerer"), bench.connections()) as running:
        samples = []
        for _ in range(REPEATS):
            _, end = launched(bench, make)
            if end.trigger is None:
                raise RuntimeError("The task did not defer; report this as a fault of the benchmark.")
            _, log_file = running.watch(end.trigger)
            arrival = Tail(log_file, scripts.TICK).wait(anything, LIMIT_S)
            samples.append(arrival.seen_at - end.began_at if arrival else None)
        return median_of(samples)
