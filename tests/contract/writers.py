"""Many workers register the same training at once, and die at it again and again.

A worker is a process of its own: threads of one process take turns at MLflow's client. What a try has
written by the time it dies stays. Over MLflow's own client a try dies by an exception that nothing catches,
before a call to the server; over a bridge the process with the client is killed within a request, and each
try has a new one (`programs/killed_server.py`).
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from random import Random
from typing import Any, cast

from tests.mlflow_faults import Crash, FaultySession, crash
from tests.mlflow_runs import SeenRun, runs_on
from tests.standins.azureml.bridging import Way

from edge_training.adapters.bridge.client import Bridge
from edge_training.adapters.bridge.ports import BridgedRegistry
from edge_training.adapters.mlflow.registry import MlflowRegistry
from edge_training.adapters.mlflow.session import MlflowSession
from edge_training.errors import ModelRegistryUnavailable
from edge_training.ports.model_registry import ModelRegistry, ModelVersion, Registration

WRITERS = 8
RETRIES = 20
LOOK_S = 0.2
KILLED_SERVER = Path(__file__).parent / "programs" / "killed_server.py"

Opener = Callable[[int | None], ModelRegistry]
"""Opens a registry whose try dies before it sends the server what has this number, counted from 0, with
`Crash` or `ModelRegistryUnavailable`; None: it lives. It travels to other processes.
"""


@dataclass(frozen=True)
class Scene:
    """Where the writers meet.

    Attributes:
        opener: The registry.
        calls: About so many things a registration sends; a try dies before one of them.
        reader: The registry for somebody who writes nothing.
        runs: The runs of a model's training, seen from outside.
    """

    opener: Opener
    calls: int
    reader: ModelRegistry
    runs: Callable[[str, str], list[SeenRun]]


@dataclass(frozen=True)
class Written:
    """What became of one writer.

    Attributes:
        deaths: How many of its tries died.
        version: What the last one, which lived, has found or made.
    """

    deaths: int
    version: ModelVersion


def mlflow_opener(url: str, dies_at: int | None) -> ModelRegistry:
    """A real MLflow server."""
    session = MlflowSession(url) if dies_at is None else FaultySession(url, dies_at, crash)
    return MlflowRegistry(session)


def on_mlflow(url: str) -> Scene:
    """MLflow's adapter."""
    opener = partial(mlflow_opener, url)
    return Scene(opener, 30, opener(None), partial(runs_on, url))


class KilledBridge:
    """A bridge whose other end is killed within its calls."""

    def __init__(self, bridge: Bridge, dies_at: int | None) -> None:
        self._bridge, self._dies_at = bridge, dies_at

    def call(self, call: str, *limit_s: float, **arguments: Any) -> Any:
        """See `Bridge.call`."""
        return self._bridge.call(call, *limit_s, **arguments, dies_at=self._dies_at)


@dataclass
class BridgeOpener:
    """A workspace of Azure Machine Learning.

    Attributes:
        way: Leads to it.
    """

    way: Way

    def __call__(self, dies_at: int | None) -> ModelRegistry:
        """See `Opener`."""
        return BridgedRegistry(cast("Bridge", KilledBridge(self._bridge, dies_at)))

    @cached_property
    def _bridge(self) -> Bridge:
        """One for all tries of a worker: its other end makes a process for each of them."""
        return self.way.bridge()


def over_a_bridge(
    way: Way, calls: int, reader: ModelRegistry, runs: Callable[[str, str], list[SeenRun]]
) -> Scene:
    """An adapter whose client is in another interpreter; see `Scene` for the arguments."""
    return Scene(BridgeOpener(way.served_by(KILLED_SERVER)), calls, reader, runs)


def write(opener: Opener, calls: int, registration: Registration, writer: int) -> Written:
    """Try to register as often as a task is tried, and then once more, undisturbed.

    Each try may come a little farther than the one before, so that many die at every stage before one lives.
    """
    random, deaths = Random(writer), 0
    for number in range(RETRIES):
        farthest = 1 + calls * (number + 1) // RETRIES
        try:
            opener(random.randrange(farthest)).register(registration)
        except (Crash, ModelRegistryUnavailable):
            deaths += 1
    return Written(deaths, opener(None).register(registration))


def written_by_all(scene: Scene, registration: Registration, look: Callable[[], object]) -> Iterator[Written]:
    """What becomes of each writer; somebody looks at the registry all the while."""
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(WRITERS, mp_context=spawned) as pool:
        running = {
            pool.submit(write, scene.opener, scene.calls, registration, writer) for writer in range(WRITERS)
        }
        while running:
            look()
            done, running = wait(running, LOOK_S, FIRST_COMPLETED)
            yield from (future.result() for future in done)
