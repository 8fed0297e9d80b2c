"""How long after the link's return the next line of a running job stands in its task's log.

The line is refused (connections are cut, new ones refused, as when sshd or a router restarts) or silent
(nothing passes, nothing is closed; the old connections live on afterwards). Medians of several links that are
broken at the same moment; both sides watch through the same link. The peer looks every second and may
reconnect for ever, except where its own defaults are named.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.chaos.link import Link

from benchmarks import jobs, peer, scripts
from benchmarks.bench import Bench
from benchmarks.figures import Figure, median_of
from benchmarks.tail import Tail, anything
from benchmarks.triggerer import Triggerer, triggerer

TICK_S = 0.1
SETTLED_S = 60
LIMIT_S = 90
"""How long after the link's return a line is waited for."""
STAGGER_S = 1.0


@dataclass(frozen=True)
class Outage:
    """One way in which the link breaks.

    Attributes:
        name: For people.
        seconds: How long it lasts.
        begin: What breaks the link.
        settings: The peer's.
        repeats: How often it is measured.
    """

    name: str
    seconds: float
    begin: Callable[[Link], None]
    settings: peer.Settings
    repeats: int


OUTAGES = (
    Outage("15 s refused", 15, Link.refuse, peer.BEST, 5),
    Outage("45 s silent", 45, Link.hold, peer.BEST, 3),
    Outage("90 s refused", 90, Link.refuse, peer.BEST, 3),
    Outage("90 s refused, the peer's defaults", 90, Link.refuse, peer.DEFAULT, 3),
)


@dataclass(frozen=True)
class Result:
    """How one watch came back: after how long, or why not."""

    back_s: float | None
    why: str = ""


@dataclass(frozen=True)
class Watch:
    """One trigger at work.

    Attributes:
        running: Its triggerer.
        number: Its number there.
        tail: Its log.
        name: What it is called.
    """

    running: Triggerer
    number: int
    tail: Tail
    name: str

    def said(self) -> str:
        """How it stands, when there is no line."""
        fired = self.running.fired(self.number)
        if fired is None:
            return f"{self.name} said nothing within {LIMIT_S} s"
        return f"{self.name} gave up ({fired.get('message', fired)})"

    def back(self, returned_at: float) -> Result:
        """Wait for its next line."""
        arrival = self.tail.wait(anything, LIMIT_S)
        if arrival is None:
            return Result(None, f"{self.said()}.")
        return Result(arrival.seen_at - returned_at)


def figures(bench: Bench) -> Iterator[Figure]:
    """All outages side by side: they cost waiting, not work."""
    with ThreadPoolExecutor(len(OUTAGES)) as pool:
        yield from pool.map(lambda outage: figure(bench, outage), OUTAGES)


def figure(bench: Bench, outage: Outage) -> Figure:
    """Several links through one kind of outage."""
    with ThreadPoolExecutor(outage.repeats) as pool:
        delays_s = [number * STAGGER_S for number in range(outage.repeats)]
        samples = list(pool.map(lambda delay_s: sample(bench, outage, delay_s), delays_s))
    ours, theirs = (median_of(result.back_s for result in side) for side in zip(*samples, strict=True))
    notes = [result.why for pair in samples for result in pair if result.why]
    name = f"next line after {outage.name}"
    return Figure(name, ours, theirs, peer.REMOTE_JOB, "s", note=notes[0] if notes else "")


def sample(bench: Bench, outage: Outage, delay_s: float) -> list[Result]:
    """Break one link; gives how each side came back."""
    seconds = SETTLED_S + outage.seconds + 2 * LIMIT_S
    script = scripts.ticks(round(seconds / TICK_S), TICK_S)
    with watched(bench, script, outage.settings) as (link, watches):
        for watch in watches:
            watch.tail.first(SETTLED_S)
        time.sleep(delay_s)
        outage.begin(link)
        time.sleep(outage.seconds)
        for watch in watches:
            watch.tail.look()
        returned_at = time.time()
        link.restore()
        with ThreadPoolExecutor(len(watches)) as pool:
            return list(pool.map(lambda watch: watch.back(returned_at), watches))


@contextmanager
def watched(bench: Bench, script: str, settings: peer.Settings) -> Iterator[tuple[Link, list[Watch]]]:
    """A job of each side, watched through one link by a triggerer of its own."""
    with ExitStack() as stack:
        link = Link((bench.site.ssh_host, bench.site.ssh_port))
        stack.callback(link.close)
        running = stack.enter_context(triggerer(bench.fresh("triggerer"), bench.connections(link.port)))
        triggers = (jobs.watch_ours(bench, script), jobs.watch_peer(bench, script, settings))
        followed = [(running.watch(trigger), trigger[0].rpartition(".")[2]) for trigger in triggers]
        yield link, [Watch(running, n, Tail(log, scripts.TICK), name) for (n, log), name in followed]
