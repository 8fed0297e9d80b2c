"""CPU seconds that Airflow's triggerer (both its processes, without its database) takes for a minute of
watching.

Our jobs are containers that say a line every 5 s. Remote jobs of the peer are shells on the VM that do the
same: a lighter load than `docker run`, and the same to its trigger. SSHRemoteJobOperator looks every 5 s, its
default, which costs it least, and for 200 jobs also every second.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from airflow.providers.ssh.utils.remote_job import RemoteJobPaths

from benchmarks import jobs, ours, peer, scripts
from benchmarks.bench import Bench
from benchmarks.figures import Figure, median_of
from benchmarks.tail import Tail
from benchmarks.triggerer import triggerer

COUNTS = (1, 50, 200)
LINE_EVERY_S = 5.0
LIFE_S = 1500
WINDOWS, WINDOW_S = 3, 10.0
"""Two lines of each job fall into a window."""
FIRST_LINE_LIMIT_S = 120
LOOK_EVERY_S = 0.1
MINUTE_S = 60
LINES = round(LIFE_S / LINE_EVERY_S)
SHELL_JOB = f"{{ for n in $(seq {LINES}); do date '+tick %s.%6N;'; sleep {LINE_EVERY_S:g}; done; }}"
LOOKS_EVERY_5_S = replace(peer.BEST, poll_interval=5)


@dataclass(frozen=True)
class Watched:
    """What watching took.

    Attributes:
        cpu: CPU seconds for a minute.
        lag_s: From a line's saying to its standing in the log, the median over all jobs.
        lines_percent: Lines that came, of those that the jobs should have said: less says that the VM could
            not keep up, and that the CPU seconds are too few.
    """

    cpu: float | None
    lag_s: float | None
    lines_percent: float


def figures(bench: Bench) -> Iterator[Figure]:
    """First all jobs are started, then ever more of them are watched."""
    script = scripts.ticks(LINES, LINE_EVERY_S)
    names = jobs.start_ours(bench, [script] * max(COUNTS), ours.SMALL)
    mine = {count: watched(bench, [ours.trigger(name) for name in names[:count]]) for count in COUNTS}
    bench.remove_jobs()
    with remote_jobs(bench, max(COUNTS)) as paths:
        for count in COUNTS:
            theirs = watched(bench, [peer.trigger(path, LOOKS_EVERY_5_S) for path in paths[:count]])
            yield from compared(count, mine[count], theirs, "5 s")
        theirs = watched(bench, [peer.trigger(path, peer.BEST) for path in paths])
        yield from compared(len(paths), mine[len(paths)], theirs, "1 s")


def compared(count: int, mine: Watched, theirs: Watched, interval: str) -> Iterator[Figure]:
    """How many jobs are watched, and how."""
    watch = f"{count} {'job' if count == 1 else 'jobs'}, the peer looking every {interval}"
    yield Figure(f"triggerer's CPU, {watch}", mine.cpu, theirs.cpu, peer.REMOTE_JOB, "CPU s/min")
    came = mine.lines_percent, theirs.lines_percent
    yield Figure(f"lines that came, {watch}", *came, peer.REMOTE_JOB, "%", "more")
    yield Figure(f"lag of a line, {watch}", mine.lag_s, theirs.lag_s, peer.REMOTE_JOB, "s")


def watched(bench: Bench, triggers: Sequence[jobs.Watch]) -> Watched:
    """Watch jobs for a while, once each trigger has logged a line."""
    with triggerer(bench.fresh("triggerer"), bench.connections()) as running:
        tails = [Tail(running.watch(trigger)[1], scripts.TICK) for trigger in triggers]
        for tail in tails:
            tail.first(FIRST_LINE_LIMIT_S)
        look(tails, LINE_EVERY_S)  # what was said before the watch began is late already
        samples, lags_s = [], []
        for _ in range(WINDOWS):
            began_at, used = time.monotonic(), running.cpu_s()
            lags_s += look(tails, WINDOW_S)
            samples.append((running.cpu_s() - used) * MINUTE_S / (time.monotonic() - began_at))
    said = len(triggers) * WINDOWS * WINDOW_S / LINE_EVERY_S
    return Watched(median_of(samples), median_of(lags_s) if lags_s else None, 100 * len(lags_s) / said)


def look(tails: Sequence[Tail], seconds: float) -> list[float]:
    """Look into all logs for a while; gives how late each new line was."""
    lags_s, deadline = [], time.monotonic() + seconds
    while (left_s := deadline - time.monotonic()) > 0:
        arrivals = [arrival for tail in tails for arrival in tail.look()]
        lags_s += [arrival.seen_at - float(arrival.said) for arrival in arrivals]
        time.sleep(min(LOOK_EVERY_S, left_s))
    return lags_s


@contextmanager
def remote_jobs(bench: Bench, count: int) -> Iterator[list[RemoteJobPaths]]:
    """Remote jobs of the peer, ended afterwards by the pids that they have left."""
    base_dir = bench.fresh("vm")
    paths = [peer.submitted(SHELL_JOB, base_dir) for _ in range(count)]
    try:
        yield paths
    finally:
        for path in paths:
            with suppress(ProcessLookupError, FileNotFoundError):
                os.killpg(int(Path(path.pid_file).read_text()), signal.SIGTERM)
