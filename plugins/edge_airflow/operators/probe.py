"""probe_storage: a look at a site's blob store, for whoever sets the site up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from airflow.sdk import Context

from edge_airflow.operators.base import EdgeJobOperator
from edge_airflow.operators.data import DEFAULT_POOL
from edge_training.jobs import EdgeJob
from edge_training.ports.edge_host import EdgeHost, Limits
from edge_training.project import ModelProject
from edge_training.run import PipelineRun
from edge_training.stages import probe

NO_MODEL = ModelProject("storage_probe", Path(__file__).parent, container="", prefix="{partition}/")
"""In the place of a model's project; none of its code travels."""


class ProbeStorageOperator(EdgeJobOperator):
    """Reports in one table what the site's blob store supports, asked from the site.

    Args:
        container: The blob container to look at.
        prefix: Where its data begins; one blob below it is read in part.
    """

    template_fields: Sequence[str] = (*EdgeJobOperator.template_fields, "container", "prefix")
    default_limits: ClassVar[Limits] = probe.DEFAULT_LIMITS

    def __init__(self, *, container: str, prefix: str = "", **kwargs: Any) -> None:
        kwargs.setdefault("pool", DEFAULT_POOL)  # it is wanted most when the site is busy
        super().__init__(model=NO_MODEL, **kwargs)
        self.container = container
        self.prefix = prefix

    def partition_of(self, context: Context) -> str:
        """None: a probe is for all partitions."""
        return ""

    def build_job(self, run: PipelineRun, context: Context) -> EdgeJob:
        """The job that asks the store."""
        project = replace(run.project, container=self.container, prefix=f"{self.prefix}{{partition}}/")
        return probe.job(replace(run, project=project))

    async def finish(
        self, host: EdgeHost, run: PipelineRun, job_name: str, value: dict[str, Any]
    ) -> dict[str, Any]:
        """The findings, and how far the VM's clock is ahead of the worker's, which signs."""
        return value | {"vm_clock_ahead_s": round((await host.facts()).clock_skew_s, 1)}
