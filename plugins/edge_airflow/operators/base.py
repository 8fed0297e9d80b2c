"""The base of all operators whose work is an edge job: connect, start or adopt, then follow or defer, then
hand on.
"""

from __future__ import annotations

import asyncio
import threading
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from airflow.sdk import Context

from edge_airflow.failures import ends_with_a_sentence
from edge_airflow.hooks.registries import ImageRegistryHook
from edge_airflow.hooks.site import SiteHook
from edge_airflow.operators.documented import DocumentedOperator
from edge_airflow.triggers.edge_job import EdgeJobTrigger
from edge_training import jobs, partitions
from edge_training.errors import EdgeError, error_of_kind
from edge_training.jobs import EdgeJob
from edge_training.ports.edge_host import ContainerState, EdgeHost
from edge_training.project import ModelProject
from edge_training.run import PipelineRun

DEFAULT_SITE = "edge_site"
DEFAULT_REGISTRY = "edge_registry"
TRAINING_IMAGE = "{{ var.value.edge_training_image }}"
GRACE_S = 20
OUT_OF_REACH_LIMIT_S = 24 * 3600


class EdgeJobOperator(DocumentedOperator):
    """Runs one step on a site, never twice at a time.

    Args:
        model: The model's project.
        site: The site; its connections begin with this name, and its pool has it.
        training_image: The training runtime, by digest.
        registry_conn_id: Who pulls images on the site.
        deferrable: Wait in the triggerer instead of a worker slot.
        out_of_reach_limit_s: How long the site may be out of reach while a deferred job is watched.
    """

    template_fields: Sequence[str] = ("training_image",)
    ui_color: str = "#dceefb"

    def __init__(
        self,
        *,
        model: ModelProject,
        site: str = DEFAULT_SITE,
        training_image: str = TRAINING_IMAGE,
        registry_conn_id: str = DEFAULT_REGISTRY,
        deferrable: bool = False,
        out_of_reach_limit_s: int = OUT_OF_REACH_LIMIT_S,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("pool", site)
        super().__init__(**kwargs)
        self.model = model
        self.site = site
        self.training_image = training_image
        self.registry_conn_id = registry_conn_id
        self.deferrable = deferrable
        self.out_of_reach_limit_s = out_of_reach_limit_s
        self._job_name = ""
        self._owner = ""

    @abstractmethod
    def build_job(self, run: PipelineRun, context: Context) -> EdgeJob:
        """The job this task stands for."""

    def lineage(self, run: PipelineRun, job: EdgeJob) -> dict[str, Any]:
        """What later tasks must know of the job, fixed before it starts."""
        return {}

    async def finish(
        self, host: EdgeHost, run: PipelineRun, job_name: str, value: dict[str, Any]
    ) -> dict[str, Any]:
        """What the task hands on of the value its job ended with."""
        return value

    @ends_with_a_sentence
    def execute(self, context: Context) -> dict[str, Any]:
        """Start or adopt the job; defer while it runs, or follow it to its end."""
        run = self.pipeline_run(context)
        job = self.build_job(run, context)
        self._job_name, self._owner = job.name, run.attempt
        if self.deferrable and asyncio.run(self._start(run, job)).status == "running":
            self._defer(run, job)
        return asyncio.run(self._run_to_end(run, job))

    @ends_with_a_sentence
    def resume(
        self, context: Context, event: Mapping[str, Any], job_name: str, lineage: dict[str, Any]
    ) -> dict[str, Any]:
        """Take the result of the job that the trigger watched."""
        if error := event.get("error"):
            raise error_of_kind(error["kind"], error["message"], {})
        return asyncio.run(self._resume(self.pipeline_run(context), job_name, lineage))

    def on_kill(self) -> None:
        """Stop the job of a killed task, unless there is none yet or a newer try has adopted it; a thread of
        its own has no event loop yet.
        """
        if not self._job_name:
            return
        stopper = threading.Thread(target=self._stop_or_say_why_not)
        stopper.start()
        stopper.join(GRACE_S * 2)

    def pipeline_run(self, context: Context) -> PipelineRun:
        """What all steps of this run share.

        Raises:
            BadRequest: The run has no partition key, or one that is no day.
        """
        task = context["ti"]
        partition = partitions.parse(context["dag_run"].partition_key).isoformat()
        labels = {
            "site": self.site,
            "model": self.model.name,
            "partition": partition,
            "dag_id": task.dag_id,
            "run_id": task.run_id,
            "task_id": task.task_id,
        }
        return PipelineRun(
            site=SiteHook(self.site).site(),
            project=self.model,
            partition=partition,
            training_image=self.training_image,
            attempt=f"{task.dag_id}/{task.run_id}/{task.task_id}/{task.map_index}/{task.try_number}",
            labels=labels,
            login=ImageRegistryHook(self.registry_conn_id).login(),
        )

    def _defer(self, run: PipelineRun, job: EdgeJob) -> NoReturn:
        trigger = EdgeJobTrigger(self.site, job.name, run.attempt, GRACE_S, self.out_of_reach_limit_s)
        self.defer(
            trigger=trigger,
            method_name="resume",
            kwargs={"job_name": job.name, "lineage": self.lineage(run, job)},
        )

    async def _start(self, run: PipelineRun, job: EdgeJob) -> ContainerState:
        async with SiteHook(self.site).connect() as host:
            return await self._ensure_started(host, run, job)

    async def _run_to_end(self, run: PipelineRun, job: EdgeJob) -> dict[str, Any]:
        async with SiteHook(self.site).connect() as host:
            await self._ensure_started(host, run, job)
            async for _ in jobs.follow(host, job.name, "", self.log.info):
                pass
            return await self._take_result(host, run, job.name, self.lineage(run, job))

    async def _resume(self, run: PipelineRun, job_name: str, lineage: dict[str, Any]) -> dict[str, Any]:
        async with SiteHook(self.site).connect() as host:
            return await self._take_result(host, run, job_name, lineage)

    async def _ensure_started(self, host: EdgeHost, run: PipelineRun, job: EdgeJob) -> ContainerState:
        state = await jobs.ensure_started(host, job, run.attempt)
        self.log.info("%s on %s is %s.", job.name, self.site, state.status)
        return state

    async def _take_result(
        self, host: EdgeHost, run: PipelineRun, job_name: str, lineage: dict[str, Any]
    ) -> dict[str, Any]:
        value = await self.finish(host, run, job_name, await jobs.collect(host, job_name))
        return {"job": job_name, **lineage, **value}

    def _stop_or_say_why_not(self) -> None:
        try:
            asyncio.run(self._stop())
        except EdgeError as error:
            self.log.error("%s could not be stopped: %s", self._job_name, error)

    async def _stop(self) -> None:
        async with SiteHook(self.site).connect() as host:
            await jobs.stop_if_owned(host, self._job_name, self._owner, GRACE_S)
