"""What a task's log shows of a script that talks much, how late it shows a line, and what is kept on the VM.

One script writes 50 MB in lines of 100 bytes as fast as it can, one does so at 5 MB/s, one says ten lines a
second. We show a bounded rate, say how much is skipped, and always show the end; everything is in the raw
log. SSHRemoteJobOperator takes up to 16 MB every second and logs that as one message; its defaults (64 kB
every 5 s) and a look without any pause, which takes a CPU to itself, are named where they are used.
"""

from __future__ import annotations

import hashlib
import math
import tarfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from benchmarks import jobs, ours, peer, scripts
from benchmarks.bench import Bench
from benchmarks.figures import Better, Figure, median_of
from benchmarks.tail import Silence, Tail
from benchmarks.triggerer import Triggerer, triggerer
from edge_runner import protocol

REPEATS = 3
LINES = 500_000
LINES_PER_S = {"50 MB at once": math.inf, "50 MB at 5 MB/s": 50_000.0}
YES = "1 = yes"
LIMIT_S = 120
LOOK_EVERY_S = 0.02
MEGABYTE = 1e6
TALK_LINES, TALK_EVERY_S = 100, 0.1
BUSY = peer.Settings(poll_interval=0)


@dataclass(frozen=True)
class Seen:
    """What was seen of one flood.

    Attributes:
        rate: Megabytes of the script's output that came into the log each second.
        share: Part of the output that the log shows, in percent.
        seconds: From the start of the job until its last line stood in the log; None when it never did.
        complete: Whether the output that is kept on the VM is the script's, byte for byte.
    """

    rate: float
    share: float
    seconds: float | None
    complete: float


def figures(bench: Bench) -> Iterator[Figure]:
    """Both floods, then the talk."""
    with (
        triggerer(bench.fresh("triggerer"), bench.connections()) as for_us,
        triggerer(bench.fresh("triggerer"), bench.connections()) as for_peer,
    ):
        for name, rate in LINES_PER_S.items():
            script, digest = scripts.flood(LINES, rate), scripts.flood_sha256(LINES)
            mine = [flood_of_ours(bench, for_us, script, digest) for _ in range(REPEATS)]
            theirs = [flood_of_peer(bench, for_peer, script, digest, peer.BEST) for _ in range(REPEATS)]
            yield from compared(name, mine, theirs)
        default = [flood_of_peer(bench, for_peer, script, digest, peer.DEFAULT) for _ in range(REPEATS)]
        yield pair(f"shown in the log, {name}, the peer's defaults", "share", mine, default, "%", "more")
        yield from talk(bench, for_us, for_peer)


def compared(name: str, mine: list[Seen], theirs: list[Seen]) -> Iterator[Figure]:
    """The figures of one flood."""
    yield pair(f"into the log, {name}", "rate", mine, theirs, "MB/s", "more")
    yield pair(f"shown in the log, {name}", "share", mine, theirs, "%", "more")
    yield pair(f"until the last line is in the log, {name}", "seconds", mine, theirs, "s", "less")
    yield pair(f"raw log on the VM equal, {name}", "complete", mine, theirs, YES, "more")


def pair(name: str, field: str, mine: list[Seen], theirs: list[Seen], unit: str, better: Better) -> Figure:
    """The medians of both sides."""
    first, second = (median_of(getattr(seen, field) for seen in side) for side in (mine, theirs))
    return Figure(name, first, second, peer.REMOTE_JOB, unit, better)


def flood_of_ours(bench: Bench, running: Triggerer, script: str, digest: str) -> Seen:
    """One flood through an edge job."""
    began_at = time.time()
    (name,) = jobs.start_ours(bench, [script])
    number, log_file = running.watch(ours.trigger(name))
    tail, _ = followed(running, number, log_file)
    raw = sha256_of(raw_log(bench, name))
    return seen(tail, began_at, raw == digest)


def flood_of_peer(
    bench: Bench, running: Triggerer, script: str, digest: str, settings: peer.Settings
) -> Seen:
    """One flood through a remote job; its last piece comes with the event, and the worker logs it."""
    began_at = time.time()
    paths = peer.submitted(peer.docker_run(bench, script), bench.fresh("vm"))
    number, log_file = running.watch(peer.trigger(paths, settings))
    tail, event = followed(running, number, log_file)
    with log_file.open("ab") as log:
        log.write(event["log_chunk"].encode())
    tail.look()
    with Path(paths.log_file).open("rb") as kept:
        raw = hashlib.file_digest(kept, "sha256").hexdigest()
    return seen(tail, began_at, raw == digest)


def followed(running: Triggerer, number: int, log_file: Path) -> tuple[Tail, Any]:
    """Follow a log until its trigger has fired; gives what it fired, too."""
    tail, deadline = Tail(log_file, scripts.NUMBERED), time.monotonic() + LIMIT_S
    while (event := running.fired(number)) is None:
        tail.look()
        if time.monotonic() > deadline:
            raise Silence(f"No end of {log_file.name} in {LIMIT_S} s; is the machine overloaded?")
        time.sleep(LOOK_EVERY_S)
    tail.look()
    return tail, event


def seen(tail: Tail, began_at: float, complete: bool) -> Seen:
    """What the arrivals in a log amount to."""
    numbers = {arrival.said for arrival in tail.arrivals}
    shown = len(numbers)
    first, last = tail.arrivals[0].seen_at, tail.arrivals[-1].seen_at
    rate = shown * scripts.LINE_BYTES / MEGABYTE / max(last - first, LOOK_EVERY_S)
    ended_s = last - began_at if b"%08d" % (LINES - 1) in numbers else None
    return Seen(rate, 100 * shown / LINES, ended_s, float(complete))


def raw_log(bench: Bench, name: str) -> Iterator[bytes]:
    """The raw log of a finished edge job, in pieces."""
    with bench.engine() as client:
        stream, _ = client.containers.get(name).get_archive(f"{protocol.JOB_DIR}/{protocol.LOG_NAME}")
        with tarfile.open(fileobj=cast(IO[bytes], Pieces(stream)), mode="r|") as archive:
            for member in archive:
                content = archive.extractfile(member)
                while content and (piece := content.read(2**20)):
                    yield piece


class Pieces:
    """A stream of pieces as a file that can be read."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = b""

    def read(self, size: int) -> bytes:
        """The next bytes; fewer at the end."""
        while len(self._rest) < size and (piece := next(self._pieces, b"")):
            self._rest += piece
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken


def sha256_of(pieces: Iterable[bytes]) -> str:
    """The digest of all of them."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def talk(bench: Bench, for_us: Triggerer, for_peer: Triggerer) -> Iterator[Figure]:
    """How late a line is that is said now and then."""
    script = scripts.ticks(TALK_LINES, TALK_EVERY_S)
    mine = lags(*for_us.watch(jobs.watch_ours(bench, script)))
    for looks, settings in (("every second", peer.BEST), ("without pause", BUSY)):
        theirs = lags(*for_peer.watch(jobs.watch_peer(bench, script, settings)))
        name = f"10 lines/s, the peer looking {looks}"
        yield Figure(f"lag, median; {name}", median_of(mine), median_of(theirs), peer.REMOTE_JOB, "s")
        yield Figure(f"lag, longest; {name}", max(mine), max(theirs), peer.REMOTE_JOB, "s")


def lags(_: int, log_file: Path) -> list[float]:
    """From a line's saying to its standing in the log; lines from before the watch began do not count."""
    tail = Tail(log_file, scripts.TICK)
    tail.wait(lambda _: len(tail.arrivals) >= 0.9 * TALK_LINES, LIMIT_S)
    first = tail.arrivals[0].seen_at
    return [seen.seen_at - said for seen in tail.arrivals if (said := float(seen.said)) > first]
