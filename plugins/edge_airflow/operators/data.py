"""wait_for_partition, snapshot_data, stage_data, validate_data: everything before a training reads its first
row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from airflow.sdk import Context
from asgiref.sync import sync_to_async

from edge_airflow.hooks.registries import ModelRegistryHook
from edge_airflow.operators.base import EdgeJobOperator
from edge_airflow.operators.defaults import DEFAULT_MODEL_REGISTRY
from edge_airflow.validated import ValidationReportLink, champion_to_compare_with
from edge_training.errors import Final
from edge_training.jobs import EdgeJob
from edge_training.partitions import Window
from edge_training.ports.edge_host import EdgeHost, Limits
from edge_training.ports.validations import ValidationArchive
from edge_training.run import PipelineRun
from edge_training.stages import snapshot, stage, validate, validation_report, wait
from edge_training.stages.stage import CachePolicy

DEFAULT_POOL = "default_pool"
"""Airflow's own."""


class WaitForPartitionOperator(EdgeJobOperator):
    """Waits until every day of the window is complete in the blob store, as the model's `ready` says.

    Args:
        window_days: How many days before the partition are trained on.
        poll_s: Seconds between two looks.
        wait_limit_s: When to give up.
        on_time_limit: What becomes of the task then: `fail`, or `skip` with all that follows it.
    """

    template_fields: Sequence[str] = (*EdgeJobOperator.template_fields, "window_days")

    def __init__(
        self,
        *,
        window_days: int | str,
        poll_s: int = 15,
        wait_limit_s: int = 6 * 3600,
        on_time_limit: wait.OnTimeLimit = "fail",
        **kwargs: Any,
    ) -> None:
        # A wait uses next to nothing; in the site's pool, partitions that never come would block all work.
        kwargs.setdefault("pool", DEFAULT_POOL)
        super().__init__(**kwargs)
        self.window_days = window_days
        self.poll_s = poll_s
        self.wait_limit_s = wait_limit_s
        self.on_time_limit = on_time_limit

    def build_job(self, run: PipelineRun, context: Context) -> EdgeJob:
        """The job that watches the blob store."""
        return wait.job(
            run,
            Window.before(run.partition, int(self.window_days)),
            self.poll_s,
            self.wait_limit_s,
            self.on_time_limit,
        )


class SnapshotDataOperator(EdgeJobOperator):
    """Pins the window's blobs in a manifest and hands on its digest.

    Args:
        window_days: How many days before the partition are trained on.
    """

    template_fields: Sequence[str] = (*EdgeJobOperator.template_fields, "window_days")

    def __init__(self, *, window_days: int | str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.window_days = window_days

    def build_job(self, run: PipelineRun, context: Context) -> EdgeJob:
        """The job that lists the blobs."""
        return snapshot.job(run, self._window(run))

    def lineage(self, run: PipelineRun, job: EdgeJob) -> dict[str, Any]:
        """The window the snapshot covers."""
        return {"window": str(self._window(run))}

    def _window(self, run: PipelineRun) -> Window:
        return Window.before(run.partition, int(self.window_days))


class StageDataOperator(EdgeJobOperator):
    """Brings the snapshot's blobs into the site's cache.

    Args:
        snapshot: What snapshot_data handed on.
        cache: What the site's cache may take; all models of a site share it.
    """

    template_fields: Sequence[str] = (*EdgeJobOperator.template_fields, "snapshot")
    handed_on: ClassVar[tuple[str, ...]] = ("snapshot",)
    default_limits: ClassVar[Limits] = stage.DEFAULT_LIMITS

    def __init__(self, *, snapshot: Any, cache: CachePolicy | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.snapshot = snapshot
        self.cache = cache or CachePolicy()

    def build_job(self, run: PipelineRun, context: Context) -> EdgeJob:
        """The job that downloads what the cache lacks."""
        return stage.job(run, self.snapshot["data_digest"], self.snapshot["job"], self.cache)


class ValidateDataOperator(EdgeJobOperator):
    """Holds the staged data against the contract and against what the champion was trained on, and leaves the
    report in the model registry.

    Args:
        snapshot: What snapshot_data handed on.
        model_registry_conn_id: Where the champion's profile is, and where the report goes.
    """

    template_fields: Sequence[str] = (*EdgeJobOperator.template_fields, "snapshot")
    handed_on: ClassVar[tuple[str, ...]] = ("snapshot",)
    default_limits: ClassVar[Limits] = validate.DEFAULT_LIMITS
    operator_extra_links = (ValidationReportLink(),)

    def __init__(
        self, *, snapshot: Any, model_registry_conn_id: str = DEFAULT_MODEL_REGISTRY, **kwargs: Any
    ) -> None:
        super().__init__(end_from_trigger=False, **kwargs)
        self.snapshot = snapshot
        self.model_registry_conn_id = model_registry_conn_id
        self.report_url = ""
        self.champion_version = ""

    def build_job(self, run: PipelineRun, context: Context) -> EdgeJob:
        """The job that checks every row."""
        registry = ModelRegistryHook(self.model_registry_conn_id).client()
        champion = champion_to_compare_with(context, registry, self.model.name)
        self.champion_version = champion.version if champion else ""
        reference = validate.reference_of(registry, champion, self.log.info)
        return validate.job(run, self.snapshot["data_digest"], reference)

    def lineage(self, run: PipelineRun, job: EdgeJob) -> dict[str, Any]:
        """The champion that the data is compared with; empty where there is none."""
        return {"champion_version": self.champion_version}

    async def finish(
        self, host: EdgeHost, run: PipelineRun, job_name: str, value: dict[str, Any]
    ) -> dict[str, Any]:
        """Keep report and profile in the model registry."""
        archive = await self._archive()
        kept = await validation_report.keep(
            host, archive, run, job_name, value, passed=True, say=self.log.info
        )
        self.report_url = kept.url
        self.log.info("The report is at %s.", kept.url)
        return {**value, "report": list(kept.files), "validation_run_id": kept.run_id}

    async def ended_badly(self, host: EdgeHost, run: PipelineRun, job_name: str, error: Final) -> Final:
        """Keep the report of data that is rejected, and say where it is."""
        if not validation_report.has_report(error):
            return error
        archive = await self._archive()
        error, self.report_url = await validation_report.keep_rejected(
            host, archive, run, job_name, error, self.log.info
        )
        return error

    async def _archive(self) -> ValidationArchive:
        # In a thread: Airflow's own look-up would hold up the event loop.
        return await sync_to_async(ModelRegistryHook(self.model_registry_conn_id).validations)()
