"""The base of all operators whose work is an edge job: connect, start or adopt, then follow or defer, then
hand on.
"""

from __future__ import annotations

import asyncio
import threading
import time
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar, NoReturn, TypeVar

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowTaskTimeout

from edge_airflow.failures import ends_with_a_sentence
from edge_airflow.hooks.registries import ImageRegistryHook
from edge_airflow.hooks.site import SiteHook
from edge_airflow.operators.documented import DocumentedOperator
from edge_airflow.priorities import BackfillsLast
from edge_airflow.triggers.edge_job import EdgeJobTrigger, Patience, Sink, Tracked
from edge_training import lifecycle, outcomes, partitions, watching
from edge_training.errors import EdgeError, Final, SecretsNeeded, TimeLimit, error_of_kind
from edge_training.jobs import EdgeJob
from edge_training.ownership import Owner
from edge_training.perseverance import Perseverance
from edge_training.ports.edge_host import DEFAULT_LIMITS, ContainerState, EdgeHost, Limits
from edge_training.project import ModelProject
from edge_training.run import PipelineRun

T = TypeVar("T")
UNFINISHED = ("running", "created")
Lineage = dict[str, Any]
"""What later tasks must know of a job, fixed before it starts."""
DEFAULT_MODEL_REGISTRY = "edge_mlflow"
DEFAULT_SITE = "edge_site"
DEFAULT_REGISTRY = "edge_registry"
TRAINING_IMAGE = "{{ var.value.edge_training_image }}"
GRACE_S = 20
MOST_RESTARTS = 5
OUT_OF_REACH_LIMIT_S = 24 * 3600
ALARM_MARGIN_S = 1.0
DELIVERY_PAUSE_S = 1.0
AIRFLOW_MARGIN = timedelta(minutes=5)
"""A trigger ends a task whose time is over, and stops its job; Airflow's own limit is for a triggerer that is
gone."""


@dataclass
class Followed:
    """How far a worker has followed a job.

    Attributes:
        cursor: Through lost connections.
        restarts: How often it had to deliver the job's secrets again.
    """

    cursor: watching.Cursor = watching.START
    restarts: int = 0

    def restart(self, error: SecretsNeeded, most_restarts: int) -> None:
        """Count a restart; raises the error when there were too many."""
        if self.restarts >= most_restarts:
            raise error
        self.restarts += 1


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
        out_of_reach_limit_s: int = OUT_OF_REACH_LIMIT_S,
        most_restarts: int = MOST_RESTARTS,
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
        self._job_name = ""
        self._owner: Owner | None = None
        self._deadline: float | None = None

    @abstractmethod
    def build_job(self, run: PipelineRun, context: Context) -> EdgeJob:
        """The job this task stands for."""

    def lineage(self, run: PipelineRun, job: EdgeJob) -> Lineage:
        """What later tasks must know of the job."""
        return {}

    async def finish(
        self, host: EdgeHost, run: PipelineRun, job_name: str, value: dict[str, Any]
    ) -> dict[str, Any]:
        """What the task hands on of the value its job ended with."""
        return value

    async def before_start(self, host: EdgeHost, run: PipelineRun, job: EdgeJob) -> None:
        """What is looked at before a job is started that nobody has started yet."""

    def tracked(self, run: PipelineRun, lineage: Lineage) -> Tracked | None:
        """Where the job's metrics go while it runs, and its raw log afterwards."""
        return None

    async def before_result(self, host: EdgeHost, run: PipelineRun, job_name: str, lineage: Lineage) -> None:
        """What is done with a job that has ended, well or badly."""

    async def after_failure(self, run: PipelineRun, lineage: Lineage) -> None:
        """What is done about a job that has ended badly."""

    @ends_with_a_sentence
    def execute(self, context: Context) -> dict[str, Any]:
        """Start or adopt the job; defer while it runs, or follow it to its end."""
        run = self.pipeline_run(context)
        job = self.build_job(run, context)
        with self._in_time(run, job.name):
            if self.deferrable and self._start(run, job) in UNFINISHED:
                self._defer(run, job)
            return self._run_to_end(run, job)

    @ends_with_a_sentence
    def resume(
        self, context: Context, event: Mapping[str, Any], job_name: str, lineage: Lineage
    ) -> dict[str, Any]:
        """Take the result of the job that the trigger watched."""
        run = self.pipeline_run(context)
        error = event.get("error")
        with self._in_time(run, job_name):
            if error and error["kind"] == SecretsNeeded.__name__:
                return self._run_to_end(run, self.build_job(run, context))
            if error:
                failure = error_of_kind(error["kind"], error["message"], {})
                if isinstance(failure, Final):
                    asyncio.run(self._close(run, job_name, lineage))
                raise failure
            return self._through_losses(lambda host, _: self._take_result(host, run, job_name, lineage))

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
        owner = Owner(
            SiteHook(self.site).deployment(),
            task.dag_id,
            task.run_id,
            task.task_id,
            -1 if task.map_index is None else task.map_index,
            task.try_number,
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

    @contextmanager
    def _in_time(self, run: PipelineRun, job_name: str) -> Iterator[None]:
        """Stop the job when the task's time is over, or when the task is killed.

        Airflow's own alarm is an exception in the midst of whatever runs then, an event loop's inner workings
        included, which may swallow it (measured). So the work on the site ends a little earlier by itself.
        """
        self._job_name, self._owner = job_name, run.owner
        limit = self.execution_timeout
        if limit:
            self._deadline = time.monotonic() + max(limit.total_seconds() - ALARM_MARGIN_S, 0)
        try:
            yield
        except (AirflowTaskTimeout, TimeoutError):
            self.on_kill()
            raise TimeLimit(
                f"{job_name} was stopped: its task ran longer than its execution_timeout of {limit}. Raise "
                "that, or let the job do less."
            ) from None

    def _defer(self, run: PipelineRun, job: EdgeJob) -> NoReturn:
        limit = self.execution_timeout
        patience = Patience(
            out_of_reach_s=self.out_of_reach_limit_s,
            most_restarts=self.most_restarts,
            grace_s=GRACE_S,
            deadline=time.time() + limit.total_seconds() if limit else None,
        )
        lineage = self.lineage(run, job)
        tracked = self.tracked(run, lineage)
        self.defer(
            trigger=EdgeJobTrigger(
                self.site,
                job.name,
                asdict(run.owner),
                asdict(patience),
                asdict(tracked) if tracked else None,
                lineage if self.end_from_trigger else None,
            ),
            method_name="resume",
            kwargs={"job_name": job.name, "lineage": lineage},
            timeout=limit + AIRFLOW_MARGIN if limit else None,
        )

    def _through_losses(self, work: Callable[[EdgeHost, Perseverance], Awaitable[T]]) -> T:
        """Do work on the site, again whenever the connection is lost: all of it looks before it acts."""
        perseverance, hook = Perseverance(self.out_of_reach_limit_s, self.log.warning), SiteHook(self.site)

        async def connected() -> T:
            async with hook.connect() as host:
                perseverance.in_contact()
                return await work(host, perseverance)

        async def in_time() -> T:
            left_s = None if self._deadline is None else self._deadline - time.monotonic()
            async with asyncio.timeout(left_s):
                return await perseverance.through(connected)

        return asyncio.run(in_time())

    def _start(self, run: PipelineRun, job: EdgeJob) -> str:
        """Start or adopt the job; gives its status."""
        followed = Followed()
        return self._through_losses(lambda host, _: self._ensure_started(host, run, job, followed)).status

    def _run_to_end(self, run: PipelineRun, job: EdgeJob) -> dict[str, Any]:
        """Start or adopt the job and follow it; one that needs its secrets again is given them."""
        followed = Followed()

        async def work(host: EdgeHost, perseverance: Perseverance) -> dict[str, Any]:
            while True:
                await self._ensure_started(host, run, job, followed)
                try:
                    await self._follow(host, run, job, followed, perseverance)
                except SecretsNeeded as error:
                    followed.restart(error, self.most_restarts)
                    self.log.warning("%s", error)
                else:
                    return await self._take_result(host, run, job.name, self.lineage(run, job))

        return self._through_losses(work)

    async def _follow(
        self, host: EdgeHost, run: PipelineRun, job: EdgeJob, followed: Followed, perseverance: Perseverance
    ) -> None:
        sink = Sink(self.log, None)
        watch = watching.watch(host, job.name, run.owner, followed.cursor, sink, self.most_restarts)
        async with aclosing(watch):
            async for cursor in watch:
                followed.cursor = cursor
                perseverance.in_contact()

    async def _ensure_started(
        self, host: EdgeHost, run: PipelineRun, job: EdgeJob, followed: Followed
    ) -> ContainerState:
        """Start or adopt the job; secrets that did not arrive are delivered again."""
        before_start = partial(self.before_start, host, run, job)
        while True:
            try:
                state = await lifecycle.ensure_started(host, job, run.owner, before_start)
            except SecretsNeeded as error:
                followed.restart(error, self.most_restarts)
                self.log.warning("%s", error)
                await asyncio.sleep(DELIVERY_PAUSE_S)
            else:
                self.log.info("%s on %s is %s.", job.name, self.site, state.status)
                return state

    async def _take_result(
        self, host: EdgeHost, run: PipelineRun, job_name: str, lineage: Lineage
    ) -> dict[str, Any]:
        await self.before_result(host, run, job_name, lineage)
        try:
            collected = await outcomes.collect(host, job_name)
        except Final:
            await self.after_failure(run, lineage)
            raise
        return {"job": job_name, **lineage, **await self.finish(host, run, job_name, collected)}

    async def _close(self, run: PipelineRun, job_name: str, lineage: Lineage) -> None:
        """Do what is done with a job that has ended badly, as far as the site answers."""
        try:
            async with SiteHook(self.site).connect() as host:
                await self.before_result(host, run, job_name, lineage)
        except EdgeError as error:
            self.log.warning("%s", error)
        await self.after_failure(run, lineage)

    def _stop_or_say_why_not(self) -> None:
        try:
            asyncio.run(self._give_up())
        except EdgeError as error:
            self.log.error("%s could not be stopped: %s", self._job_name, error)

    async def _give_up(self) -> None:
        if self._owner is None:
            return
        async with SiteHook(self.site).connect() as host:
            why = "its task was killed or ran out of time"
            await lifecycle.give_up(host, self._job_name, self._owner, GRACE_S, why, say=self.log.error)
