"""Small trainings for the suites of `EdgeHost`: as scripts for the real site, as outcomes in memory."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace

from tests.fakes.edge_host import InMemoryEdgeHost, Outcome, refusal, success
from tests.jobs import TRAINING_REQUEST
from tests.real_host import Engine

from edge_training.jobs import EdgeJob
from edge_training.ports.edge_host import EdgeHost, Limits

KILLED = 137
"""What Docker makes of a SIGKILL."""
SMALL = Limits(memory_bytes=128 * 2**20, pids=64)
SAVE_MODEL = """
import os, pathlib
model = pathlib.Path(os.environ["EDGE_MODEL_DIR"])
model.mkdir()
(model / "MLmodel").write_text("flavors: {}")
"""


@dataclass(frozen=True)
class Case:
    """A training script, and what the in-memory host makes of it at its coming starts."""

    script: str
    outcomes: tuple[Outcome, ...]
    limits: Limits = SMALL
    extra: dict[str, bytes] = field(default_factory=dict)


SUCCEEDS = Case(
    SAVE_MODEL + 'print("trained", flush=True)',
    (Outcome(result=success({"metrics": {}}), lines=("trained",), files={"model/MLmodel": b"flavors: {}"}),),
)
FAILS = Case(
    'import sys; print("no luck"); sys.exit(3)',
    (
        Outcome(
            exit_code=1,
            result=refusal("TrainingFailed", "train.py ended with exit code 3", {"exit_code": 3}),
            lines=("no luck",),
        ),
    ),
)
RESUMES = Case(
    """
import os, pathlib, sys
mark = pathlib.Path(os.environ["EDGE_CHECKPOINT_DIR"], "mark")
if not mark.exists():
    mark.write_text("half way")
    sys.exit(3)
"""
    + SAVE_MODEL,
    (
        replace(FAILS.outcomes[0], files={"checkpoints/mark": b"half way"}),
        SUCCEEDS.outcomes[0],
    ),
)
RUNS = Case(
    'import time; print("started", flush=True); time.sleep(100)', (Outcome(lines=("started",), runs=True),)
)
GOES_ON = Case(
    """
import os, pathlib, time
mark = pathlib.Path(os.environ["EDGE_CHECKPOINT_DIR"], "mark")
if not mark.exists():
    mark.write_text("half way")
    print("started", flush=True)
    time.sleep(100)
"""
    + SUCCEEDS.script,
    (Outcome(lines=("started",), runs=True), SUCCEEDS.outcomes[0]),
)
HUNGRY = Case(
    "hoard = bytearray(2**30)",
    (Outcome(exit_code=1, out_of_memory=True, result=refusal("TrainingFailed", "signal 9")),),
)


@dataclass
class World:
    """A host to test, and what stands behind it."""

    host: EdgeHost
    image: str
    behind: InMemoryEdgeHost | Engine

    def job(self, case: Case, **changes: object) -> EdgeJob:
        """A training of its own."""
        job = EdgeJob(
            step="train",
            key=uuid.uuid4().hex * 2,
            image=self.image,
            request=TRAINING_REQUEST,
            code={"train.py": case.script.encode(), **case.extra},
            limits=case.limits,
        )
        job = replace(job, **changes)
        self.made(job.name)
        if isinstance(self.behind, InMemoryEdgeHost):
            self.behind.outcomes[job.name] = list(case.outcomes)
        return job

    def made(self, name: str) -> None:
        """Remember a container that goes with the test."""
        if isinstance(self.behind, Engine):
            self.behind.names.append(name)

    def containers(self, part: str) -> list[str]:
        """Names of all containers that contain `part`."""
        if isinstance(self.behind, Engine):
            return self.behind.containers(part)
        return sorted(name for name in self.behind.containers if part in name)

    def kill(self, name: str) -> None:
        """What a VM does that loses its power: no process of the container can say a word."""
        if isinstance(self.behind, Engine):
            self.behind.client.containers.get(name).kill()
        else:
            self.behind.containers[name].end(KILLED)

    def remove_volume(self, name: str) -> None:
        """What an administrator may do."""
        if isinstance(self.behind, Engine):
            self.behind.remove_volume(name)
        else:
            del self.behind.containers[name]
            del self.behind.volumes[name]
