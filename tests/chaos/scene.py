"""One fault at work: its run, its line, and how an injection waits for its moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psutil
from tests.chaos.api import POLL_S, ChaosApi
from tests.chaos.engine import Engine, Watch, Watched, label
from tests.chaos.fault import DEPLOYING, TRAINING, Fault
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
        deployments_before: Runs of its deployment that an earlier suite has left in Airflow.
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
    deployments_before: set[str] = field(default_factory=set)
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
        """A task of the first run; the one that is hit unless told otherwise.

        Raises:
            LocalSiteError: It is one of the deployment, which has not begun.
        """
        task_id = task_id or self.fault.task
        if task_id in DEPLOYING:
            return self.api.task(self.fault.deploy_dag_id, self.deployment(), task_id)
        return self.api.task(self.dag_id, self.runs[0], task_id)

    def known_runs(self) -> list[str]:
        """Those of its runs that were not deleted."""
        known = {run["dag_run_id"] for run in self.api.runs(self.dag_id)}
        return [run_id for run_id in self.runs if run_id in known]

    def tries(self) -> int | None:
        """The most tries that the task that is hit took in one of the runs; None when the runs are gone."""
        if self.fault.task in DEPLOYING:
            return int(self.task()["try_number"])
        found = [self.api.task(self.dag_id, run_id, self.fault.task) for run_id in self.known_runs()]
        return max((int(task["try_number"]) for task in found), default=None)

    def deployments(self) -> set[str]:
        """Runs of the deployment that Airflow knows; none for a fault without one."""
        runs = self.api.runs(self.fault.deploy_dag_id) if self.fault.service else []
        return {run["dag_run_id"] for run in runs}

    def deployment(self) -> str:
        """The run that deploys what this scene has trained.

        Raises:
            LocalSiteError: It has not begun.
        """
        found = sorted(self.deployments() - self.deployments_before)
        if not found:
            raise LocalSiteError(f"{self.fault.name}: the deployment has not begun")
        return found[0]

    def logs(self, run_id: str) -> list[list[str]]:
        """The messages in the training's log in one run, try by try."""
        task = self.api.task(self.dag_id, run_id, TRAINING)
        tries = range(1, int(task["try_number"]) + 1)
        return [self.api.messages(self.dag_id, run_id, {**task, "try_number": one}) for one in tries]

    @property
    def service_port(self) -> int:
        """Where on this machine its model is served."""
        return self.site.settings.ports.service + self.fault.service

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
        """Whether all runs have ended, the deployment included; a deleted one has."""
        known = {run["dag_run_id"]: run["state"] for run in self.api.runs(self.dag_id)}
        states = {known.get(run_id, "failed") for run_id in self.runs}
        if self.fault.service and states == {"success"}:
            states.add(self.api.run(self.fault.deploy_dag_id, self.deployment())["state"])
        return states <= set(OVER)

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
        return self.jobs("train")

    def jobs(self, step: str) -> list[Watched]:
        """The containers that this scene's runs have made for a step."""
        found = self.engine.containers(step, dag_id=self.dag_id)
        return [container for container in found if label(container.labels, "run_id") in self.runs]

    def until_training(self) -> Watched:
        """Wait until the training's container runs; gives it."""
        return self.until_running("train")

    def until_running(self, step: str) -> Watched:
        """Wait until a step's container runs; gives it."""

        def look() -> Watched | None:
            return next((one for one in self.jobs(step) if one.status == "running"), None)

        return self.until(look, f"a running container of {step}")

    def until_gone(self, limit_s: float) -> None:
        """Wait until none of the scene's containers runs; it is wrong when one runs on for longer."""
        deadline = time.monotonic() + limit_s
        while self.engine.running(dag_id=self.dag_id):
            if time.monotonic() > deadline:
                self.wrong.append(f"the container ran on for more than {limit_s:g} s")
                return
            time.sleep(POLL_S)

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

    def is_deferred(self, run_id: str) -> bool:
        """Whether the triggerer watches the training for a run."""
        return bool(self.api.task(self.dag_id, run_id, TRAINING)["state"] == "deferred")

    def process(self, task_id: str = "", limit_s: float = MOMENT_LIMIT_S) -> psutil.Process:
        """Wait for the process that runs a task; gives it as soon as it is there.

        Raises:
            MomentMissed: It did not come.
        """
        name = task_id or self.fault.task
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

    def training_keys(self) -> set[str]:
        """Keys of the trainings that its runs have asked for."""
        return {label(container.labels, "key") for container in self.trainings()}
