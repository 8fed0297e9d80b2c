"""One fault at work: its run, its line, and how an injection waits for its moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psutil
from tests.chaos.api import POLL_S, ChaosApi
from tests.chaos.engine import Engine, Watch, Watched, label
from tests.chaos.fault import Fault
from tests.chaos.line import Line
from tests.chaos.link import Link
from tests.chaos.site import ChaosSite

from local_site.errors import LocalSiteError

T = TypeVar("T")
PARTITION = "2013-02-01"
MOMENT_LIMIT_S = 420
PROCESS_POLL_S = 0.02
REPOSITORIES = "data/docker/registry/v2/repositories/edge"
OVER = ("success", "failed")
DEFAULTS = {"stage_s": 1.0, "log_mb": 0, "memory_mb": 0}


class MomentMissed(Exception):
    """What an injection waited for did not come, so nothing was broken and nothing is proven."""


@dataclass
class Scene:
    """A fault with its runs.

    Attributes:
        fault: The fault.
        line: Its way to the site.
        site: The site.
        api: Airflow.
        engine: Docker.
        nonce: Makes the training keys of this scene its own.
        runs: Ids of its runs, the first one first.
        wrong: What the injection saw that must not be.
        images_before: Images of its model that an earlier suite has left in the registry.
        given_up: Whether the suite has ended runs that did not end.
    """

    fault: Fault
    line: Line
    site: ChaosSite
    api: ChaosApi
    engine: Engine
    nonce: str
    runs: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    images_before: set[str] = field(default_factory=set)
    given_up: bool = False

    @property
    def dag_id(self) -> str:
        """The fault's DAG."""
        return self.fault.dag_id

    @property
    def partition(self) -> str:
        """The partition its runs process."""
        return self.fault.partition or PARTITION

    def trigger(self) -> None:
        """Start a run."""
        conf = {**DEFAULTS, **self.fault.params, "nonce": self.nonce}
        run_id = f"{self.nonce}-{len(self.runs)}"
        self.api.start(self.dag_id, run_id, self.partition, conf)
        self.runs.append(run_id)

    def link(self, name: str) -> Link:
        """The link to a part of the site."""
        return self.line.links[name]

    def task(self, task_id: str = "") -> dict[str, Any]:
        """A task of the first run; the one that is hit unless told otherwise."""
        return self.api.task(self.dag_id, self.runs[0], task_id or self.fault.step)

    def until(self, look: Callable[[], T | None], what: str, limit_s: float = MOMENT_LIMIT_S) -> T:
        """Wait for a moment; an API server that does not answer is waited for too.

        Raises:
            MomentMissed: It did not come, or all runs were over before.
        """
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            try:
                over = self.over()  # asked first: what the end has brought is then seen
                if found := look():
                    return found
                if over:
                    break
            except LocalSiteError:
                pass  # killed on purpose, by this fault or another one
            time.sleep(POLL_S)
        raise MomentMissed(f"{self.fault.name}: {what} was not seen")

    def over(self) -> bool:
        """Whether all runs have ended; a deleted one has."""
        known = {run["dag_run_id"]: run["state"] for run in self.api.runs(self.dag_id)}
        return all(known.get(run_id, "failed") in OVER for run_id in self.runs)

    def until_over(self) -> None:
        """Wait until all runs have ended."""
        self.until(self.over, "the end of all runs", self.fault.limit_s)

    def give_up(self) -> None:
        """End the runs that do not end, so that they disturb no other fault."""
        self.given_up = True
        for run_id in self.runs:
            if self.api.run(self.dag_id, run_id)["state"] not in OVER:
                self.api.mark_run_failed(self.dag_id, run_id)

    def until_state(self, task_id: str, *states: str) -> None:
        """Wait until a task of the first run is in one of these states."""
        self.until(lambda: self.task(task_id)["state"] in states, f"{task_id} in {'/'.join(states)}")

    def trainings(self) -> list[Watched]:
        """The containers that this scene's runs have made to train in, those of an earlier suite left out."""
        found = self.engine.containers("train", dag_id=self.dag_id)
        return [container for container in found if label(container.labels, "run_id") in self.runs]

    def until_training(self) -> Watched:
        """Wait until the training's container runs; gives it."""

        def look() -> Watched | None:
            return next((one for one in self.trainings() if one.status == "running"), None)

        return self.until(look, "a running training")

    def until_checkpoint(self) -> Watched:
        """Wait until the training has left a few checkpoints; gives its container."""
        container = self.until_training()
        self.until(lambda: b"stage 4 of" in self.printed(container), "the fourth checkpoint")
        return container

    def printed(self, container: Watched) -> bytes:
        """What a container has printed."""
        return self.engine.logs(container.id)

    def until_deferred(self) -> None:
        """Wait until the training is watched by the triggerer."""
        self.until_state("train_model", "deferred")

    def process(self, task_id: str = "", limit_s: float = MOMENT_LIMIT_S) -> psutil.Process:
        """Wait for the process that runs a task; gives it as soon as it is there.

        Raises:
            MomentMissed: It did not come.
        """
        name = task_id or self.fault.step
        self.until(lambda: self.task(name)["state"] in ("queued", "running"), f"{name} queued", limit_s)
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            task = self.task(name)
            for _ in range(round(POLL_S / PROCESS_POLL_S)):
                if found := self.site.task_process(task["id"]):
                    return found
                time.sleep(PROCESS_POLL_S)
        raise MomentMissed(f"{self.fault.name}: no process of {name} was seen")

    def when(self, action: str, react: Callable[[str], object], step: str = "train") -> Watch:
        """React at once when a container of this scene is created, started or dies."""
        return self.engine.when(Watch(action, step, self.dag_id, react))

    def await_watch(self, watch: Watch) -> None:
        """Wait until a watch has done its work."""
        self.until(watch.done.is_set, f"{watch.action} of a container of {watch.step}")

    def images(self) -> set[str]:
        """Digests of all images of the fault's model that the registry's disk holds, tagged or not."""
        repository = self.site.layout.registry_dir / REPOSITORIES / self.fault.model
        revisions = (repository / "_manifests" / "revisions" / "sha256").glob("*")
        return {f"sha256:{path.name}" for path in revisions}


def training_keys(scene: Scene) -> set[str]:
    """Keys of the trainings that the scene's runs have asked for."""
    return {label(container.labels, "key") for container in scene.trainings()}
