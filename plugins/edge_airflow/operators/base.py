"""The base of all operators whose work is an edge job: connect, start or adopt, then follow or defer, then
hand on.
"""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import Any, ClassVar, NoReturn

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowTaskTimeout

from edge_airflow.failures import ends_with_a_sentence
from edge_airflow.hooks.registries import ImageRegistryHook
from edge_airflow.hooks.site import SiteHook
from edge_airflow.operators.attempt import Attempt, BeforeStart, OutOfTime
from edge_airflow.operators.defaults import DEFAULT_REGISTRY, DEFAULT_SITE, TRAINING_IMAGE
from edge_airflow.operators.documented import DocumentedOperator
from edge_airflow.priorities import BackfillsLast
from edge_airflow.time_limits import TIME_IS_OVER, WatchLimits, out_of_time
from edge_airflow.tracked import Tracked, keep_raw_log, say_ended
from edge_airflow.triggers.edge_job import EdgeJobTrigger
from edge_training import outcomes, partitions
from edge_training.errors import EdgeError, Final, SecretsNeeded, error_of_kind
from edge_training.jobs import EdgeJob
from edge_training.ownership import Owner
from edge_training.ports.edge_host import DEFAULT_LIMITS, EdgeHost, Limits
from edge_training.project import ModelProject
from edge_training.run import PipelineRun
from edge_training.sas import Grant

UNFINISHED = ("running", "created")
Lineage = dict[str, Any]
"""What later tasks must know of a job, fixed before it starts."""
PATIENT = WatchLimits()
ALARM_MARGIN_S = 1.0
"""Airflow's own alarm is an exception in the midst of whatever runs then, an event loop's inner workings
included, which may swallow it (measured). So the work on the site ends a little earlier by itself."""
AIRFLOW_MARGIN = timedelta(minutes=5)
"""A trigger ends a task whose time is over, and stops its job; Airflow's own limit is for a triggerer that is
gone."""


class EdgeJobOperator(DocumentedOperator):
    """Runs one step on a site, never twice at a time.

    Args:
        model: The model's project.
        site: The site; its connections begin with this name, and its pool has it.
        training_image: The training runtime, by digest.
        registry_conn_id: Who pulls images on the site.
        deferrable: Wait in the triggerer instead of a worker slot.
        end_from_trigger: Let the triggerer end the task of a job that has ended well, without another slot of
            the pool. Airflow does not tell its listeners of such tasks: set it to False where there are any.
        limits: CPU, memory, processes, shared memory and GPUs of the step's container; what the step usually
            needs when it is left out.
        out_of_reach_limit_s: How long the site may be out of reach.
        most_restarts: How often a job that its VM or Docker daemon took down is started again in one try.
    """

    template_fields: Sequence[str] = ("training_image",)
    ui_color: str = "#dceefb"
    from_variables: ClassVar[Mapping[str, str]] = {"training_image": "edge_training_image"}
    default_limits: ClassVar[Limits] = DEFAULT_LIMITS

    def __init__(
        self,
        *,
        model: ModelProject,
        site: str = DEFAULT_SITE,
        training_image: str = TRAINING_IMAGE,
        registry_conn_id: str = DEFAULT_REGISTRY,
        deferrable: bool = False,
        end_from_trigger: bool = True,
        limits: Limits | None = None,
        out_of_reach_limit_s: float = PATIENT.out_of_reach_s,
        most_restarts: int = PATIENT.most_restarts,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("pool", site)
        kwargs.setdefault("weight_rule", BackfillsLast())
        super().__init__(**kwargs)
        self.model = model
        self.site = site
        self.training_image = training_image
        self.registry_conn_id = registry_conn_id
        self.deferrable = deferrable
        self.end_from_trigger = deferrable and end_from_trigger
        self.limits = limits or self.default_limits
        self.out_of_reach_limit_s = out_of_reach_limit_s
        self.most_restarts = most_restarts
        self._attempt: Attempt | None = None

    @abstractmethod
    def build_job(self, run: PipelineRun, context: Context) -> EdgeJob | dict[str, Any]:
        """The job this task stands for; or what it hands on where there is nothing to do."""

    def lineage(self, run: PipelineRun, job: EdgeJob) -> Lineage:
        """What later tasks must know of the job."""
        return {}

    async def finish(
        self, host: EdgeHost, run: PipelineRun, job_name: str, value: dict[str, Any]
    ) -> dict[str, Any]:
        """What the task hands on of the value its job ended with."""
        return value

    async def ended_badly(self, host: EdgeHost, run: PipelineRun, job_name: str, error: Final) -> Final:
        """What is done with a job whose verdict is against going on; gives the error that ends the task."""
        return error

    async def before_start(self, host: EdgeHost, run: PipelineRun, job: EdgeJob) -> None:
        """What is looked at before a job is started that nobody has started yet."""

    def tracked(self, run: PipelineRun, lineage: Lineage) -> Tracked | None:
        """Where the job's metrics go while it runs, and its raw log and its bad end afterwards."""
        return None

    @ends_with_a_sentence
    def execute(self, context: Context) -> dict[str, Any]:
        """Start or adopt the job; defer while it runs, or follow it to its end."""
        return self._work(context, deferrable=self.deferrable)

    @ends_with_a_sentence
    def resume(
        self, context: Context, event: Mapping[str, Any], job_name: str, lineage: Lineage
    ) -> dict[str, Any]:
        """Take the result of the job that the trigger watched."""
        error = event.get("error")
        if error and error["kind"] == SecretsNeeded.__name__:
            return self._work(context, deferrable=False)
        run = self.pipeline_run(context)
        with self._attempting(run, job_name, lineage) as attempt:
            if error:
                failure = error_of_kind(error["kind"], error["message"], {})
                if isinstance(failure, Final):
                    asyncio.run(self._close(attempt))
                raise failure
            return attempt.on_site(lambda host: self._take_result(host, attempt, run, lineage))

    def on_kill(self) -> None:
        """Stop the job of a killed task, unless there is none yet or a newer try has adopted it."""
        if self._attempt is not None:
            self.log.info("%s", self._attempt.give_up("its task was killed", "KILLED"))

    def partition_of(self, context: Context) -> str:
        """The run's partition key.

        Raises:
            BadRequest: It has none, or one that is no day.
        """
        return partitions.parse(context["dag_run"].partition_key).isoformat()

    def pipeline_run(self, context: Context) -> PipelineRun:
        """What all steps of this run share.

        Raises:
            BadRequest: The run has no partition key, or one that is no day.
        """
        task = context["ti"]
        partition = self.partition_of(context)
        owner = Owner(
            SiteHook(self.site).deployment(),
            task.dag_id,
            task.run_id,
            task.task_id,
            -1 if task.map_index is None else task.map_index,
            task.try_number,
            str(task.id),
        )
        labels = {
            "site": self.site,
            "model": self.model.name,
            "partition": partition,
            "deployment": owner.deployment,
            "dag_id": owner.dag_id,
            "run_id": owner.run_id,
            "task_id": owner.task_id,
            "map_index": str(owner.map_index),
        }
        return PipelineRun(
            site=SiteHook(self.site).site(),
            project=self.model,
            partition=partition,
            training_image=self.training_image,
            owner=owner,
            labels=labels,
            login=ImageRegistryHook(self.registry_conn_id).login(),
            limits=self.limits,
        )

    def _work(self, context: Context, *, deferrable: bool) -> dict[str, Any]:
        """Everything from the task's fields to its value, or to the deferral."""
        self.check_inputs()
        run = self.pipeline_run(context)
        job = self.build_job(run, context)
        if not isinstance(job, EdgeJob):
            return job
        lineage = self.lineage(run, job)
        with self._attempting(run, job.name, lineage) as attempt:
            if deferrable and self._start(attempt, run, job) in UNFINISHED:
                self._defer(attempt, lineage, job.grant)
            return self._run_to_end(attempt, run, job, lineage)

    @contextmanager
    def _attempting(self, run: PipelineRun, job_name: str, lineage: Lineage) -> Iterator[Attempt]:
        """This try at the job, which is stopped when the task's time is over."""
        limits = self._limits(ALARM_MARGIN_S)
        tracked = self.tracked(run, lineage)
        self._attempt = attempt = Attempt(SiteHook(self.site), job_name, run.owner, limits, self.log, tracked)
        try:
            yield attempt
        except (AirflowTaskTimeout, OutOfTime):
            raise out_of_time(job_name, attempt.give_up(TIME_IS_OVER, "FAILED")) from None

    def _limits(self, margin_s: float = 0.0) -> WatchLimits:
        """What a watch that begins now puts up with; it ends so much before Airflow's own limit."""
        timeout = self.execution_timeout
        return WatchLimits(
            out_of_reach_s=self.out_of_reach_limit_s,
            most_restarts=self.most_restarts,
            deadline=time.time() + max(timeout.total_seconds() - margin_s, 0.0) if timeout else None,
        )

    def _defer(self, attempt: Attempt, lineage: Lineage, grant: Grant | None) -> NoReturn:
        limit, tracked = self.execution_timeout, attempt.tracked
        self.defer(
            trigger=EdgeJobTrigger(
                self.site,
                attempt.job_name,
                asdict(attempt.owner),
                asdict(self._limits()),
                asdict(tracked) if tracked else None,
                lineage if self.end_from_trigger else None,
                asdict(grant) if grant else None,
            ),
            method_name="resume",
            kwargs={"job_name": attempt.job_name, "lineage": lineage},
            timeout=limit + AIRFLOW_MARGIN if limit else None,
        )

    def _start(self, attempt: Attempt, run: PipelineRun, job: EdgeJob) -> str:
        """Start or adopt the job; gives its status."""

        async def work(host: EdgeHost) -> str:
            return (await attempt.ensure_started(host, job, self._before_start(run, job))).status

        return attempt.on_site(work)

    def _run_to_end(
        self, attempt: Attempt, run: PipelineRun, job: EdgeJob, lineage: Lineage
    ) -> dict[str, Any]:
        """Start or adopt the job, follow it, and take its result."""

        async def work(host: EdgeHost) -> dict[str, Any]:
            await attempt.run_to_end(host, job, self._before_start(run, job))
            return await self._take_result(host, attempt, run, lineage)

        return attempt.on_site(work)

    def _before_start(self, run: PipelineRun, job: EdgeJob) -> BeforeStart:
        return lambda host: self.before_start(host, run, job)

    async def _take_result(
        self, host: EdgeHost, attempt: Attempt, run: PipelineRun, lineage: Lineage
    ) -> dict[str, Any]:
        job_name, tracked = attempt.job_name, attempt.tracked
        if tracked:
            await keep_raw_log(host, job_name, tracked, self.log)
        try:
            collected = await outcomes.collect(host, job_name)
        except Final as error:
            if tracked:
                await say_ended(tracked, "FAILED", self.log)
            raise await self.ended_badly(host, run, job_name, error) from None
        return {"job": job_name, **lineage, **await self.finish(host, run, job_name, collected)}

    async def _close(self, attempt: Attempt) -> None:
        """Do what is done with a job that has ended badly, as far as the site answers."""
        tracked = attempt.tracked
        if tracked is None:
            return
        try:
            async with attempt.hook.connect() as host:
                await keep_raw_log(host, attempt.job_name, tracked, self.log)
        except EdgeError as error:
            self.log.warning("%s", error)
        await say_ended(tracked, "FAILED", self.log)
