"""Many workers register the same training at once, and die at it again and again.

A worker is a process of its own: threads of one process take turns at MLflow's client. It dies by an
exception that nothing catches, before a call to the registry's server; what was written by then stays.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from random import Random

from tests.mlflow_faults import Crash, FaultySession, crash

from edge_training.adapters.mlflow.registry import MlflowRegistry
from edge_training.adapters.mlflow.session import MlflowSession
from edge_training.errors import ModelRegistryUnavailable
from edge_training.ports.model_registry import ModelRegistry, ModelVersion, Registration

WRITERS = 8
RETRIES = 20
LOOK_S = 0.2

Opener = Callable[[int | None], ModelRegistry]
"""Opens a registry whose worker dies before the call of this number to the server, counted from 0, with
`Crash` or `ModelRegistryUnavailable`; None: it lives. It travels to other processes.
"""


@dataclass(frozen=True)
class Scene:
    """Where the writers meet.

    Attributes:
        opener: The registry.
        calls: About so many calls a registration takes; a worker dies before one of them.
    """

    opener: Opener
    calls: int


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
    return Scene(partial(mlflow_opener, url), calls=30)


def write(scene: Scene, registration: Registration, writer: int) -> Written:
    """Try to register as often as a task is tried, and then once more, undisturbed."""
    random, deaths = Random(writer), 0
    for _ in range(RETRIES):
        try:
            scene.opener(random.randrange(scene.calls)).register(registration)
        except (Crash, ModelRegistryUnavailable):
            deaths += 1
    return Written(deaths, scene.opener(None).register(registration))


def written_by_all(scene: Scene, registration: Registration, look: Callable[[], object]) -> Iterator[Written]:
    """What becomes of each writer; somebody looks at the registry all the while."""
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(WRITERS, mp_context=spawned) as pool:
        running = {pool.submit(write, scene, registration, writer) for writer in range(WRITERS)}
        while running:
            look()
            done, running = wait(running, LOOK_S, FIRST_COMPLETED)
            yield from (future.result() for future in done)
