"""Our side of a comparison: a training as `train_model` starts it, with its preflight and its sandbox,
without the data and the tracking in the model registry, for which the peers have no counterpart.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import structlog
from airflow.sdk import Context

from benchmarks.bench import LABEL, SITE_NAME
from benchmarks.context import RUN_ID, task_context
from edge_airflow.hooks.site import SiteHook
from edge_airflow.operators.attempt import Attempt
from edge_airflow.operators.base import EdgeJobOperator
from edge_airflow.time_limits import WatchLimits
from edge_airflow.triggers.edge_job import EdgeJobTrigger
from edge_training.jobs import EdgeJob
from edge_training.ownership import Owner
from edge_training.ports.edge_host import EdgeHost, Limits
from edge_training.project import ModelProject
from edge_training.run import PipelineRun
from edge_training.stages.preflight import SiteNeeds, ensure_ready

LIMITS = Limits(cpus=2, memory_bytes=256 * 2**20, pids=64)
SMALL = Limits(cpus=0.1, memory_bytes=64 * 2**20, pids=32)
TIME_LIMIT_S = 1800
OWNER = Owner("benchmark", "benchmark", RUN_ID, "train_model", -1, 1, "try-1")
ENDS_WELL = """
import os, pathlib
model = pathlib.Path(os.environ["EDGE_MODEL_DIR"])
model.mkdir()
(model / "MLmodel").write_text("flavors: {}")
"""


def training(image: str, script: str, limits: Limits = LIMITS) -> EdgeJob:
    """A training that nobody has asked for before."""
    request = {
        "script": "train.py",
        "partition": "2013-02-01",
        "seed": 1,
        "params": {},
        "threads": 1,
        "time_limit_s": TIME_LIMIT_S,
    }
    return EdgeJob(
        "train",
        uuid.uuid4().hex * 2,
        image,
        request,
        code={"train.py": f"{script}\n{ENDS_WELL}".encode()},
        limits=limits,
        labels={LABEL: "ours"},
    )


class TrainingOperator(EdgeJobOperator):
    """Runs a training of the benchmark; its triggerer has no database, so a worker ends the task.

    Args:
        script: Its text.
    """

    def __init__(self, *, image: str, script: str, **kwargs: Any) -> None:
        nothing = ModelProject(name="benchmark", folder=Path(), container="none", prefix="{partition}/")
        super().__init__(
            task_id="train_model", model=nothing, training_image=image, end_from_trigger=False, **kwargs
        )
        self.script = script

    def build_job(self, run: PipelineRun, context: Context) -> EdgeJob:
        """A training that nobody has asked for before."""
        made = training(run.training_image, self.script)
        return replace(made, labels={**run.labels, **made.labels}, login=run.login)

    async def before_start(self, host: EdgeHost, run: PipelineRun, job: EdgeJob) -> None:
        """As `train_model` does."""
        await ensure_ready(host, self.site, SiteNeeds(job.limits), job.image, job.login)

    async def run_on(self, host: EdgeHost) -> None:
        """What `execute` does once it is connected, to the end of the log."""
        run = self.pipeline_run(task_context())
        job = self.build_job(run, task_context())
        attempt = Attempt(SiteHook(SITE_NAME), job.name, run.owner, WatchLimits(), structlog.get_logger())
        await attempt.run_to_end(host, job, lambda site: self.before_start(site, run, job))


def operator(image: str, script: str, deferrable: bool) -> TrainingOperator:
    """The task."""
    return TrainingOperator(image=image, script=script, deferrable=deferrable)


async def launched_warm(image: str, scripts: Sequence[str]) -> list[float]:
    """Run trainings one after the other through one connection; gives when each was asked for."""
    asked_at = []
    async with await SiteHook(SITE_NAME).aconnect() as host:
        for script in scripts:
            asked_at.append(time.time())
            await operator(image, script, deferrable=False).run_on(host)
    return asked_at


def trigger(job_name: str) -> tuple[str, dict[str, Any]]:
    """The trigger that watches a job, as Airflow stores it."""
    return EdgeJobTrigger(SITE_NAME, job_name, asdict(OWNER), asdict(WatchLimits())).serialize()
