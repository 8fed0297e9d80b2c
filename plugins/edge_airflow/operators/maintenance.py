"""The two tasks that look after a site: stop what nobody waits for, remove what nobody needs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NoReturn

from airflow.sdk import Context

from edge_airflow.failures import ends_with_a_sentence
from edge_airflow.hooks.maintenance import entered
from edge_airflow.hooks.registries import ModelRegistryHook
from edge_airflow.hooks.site import SiteHook
from edge_airflow.operators.defaults import DEFAULT_MODEL_REGISTRY, DEFAULT_SITE
from edge_airflow.operators.documented import DocumentedOperator
from edge_airflow.time_limits import GRACE_S
from edge_airflow.triggers.site_watch import SiteWatchTrigger
from edge_training.ports.tracking import LogArchive
from edge_training.stages.housekeeping import Housekeeper, Removed
from edge_training.stages.retention import RetentionPolicy

WATCH = timedelta(hours=1)
PAUSE_S = 30.0
MARGIN = timedelta(minutes=10)
"""How much later than its trigger a watch is given up."""


class StopOrphansOperator(DocumentedOperator):
    """Watches the site's running jobs for an hour, without a worker slot, and stops those whose tasks have
    ended, were marked or were deleted while nobody could tell the site.

    Args:
        site: The site; its connections begin with this name.
        watch: How long the task watches; the DAG's next run goes on.
        pause_s: Between two looks.
    """

    ui_color: str = "#f3f0e6"

    def __init__(
        self, *, site: str = DEFAULT_SITE, watch: timedelta = WATCH, pause_s: float = PAUSE_S, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.site = site
        self.watch = watch
        self.pause_s = pause_s

    @ends_with_a_sentence
    def execute(self, context: Context) -> NoReturn:
        """Hand over to the triggerer at once."""
        self.defer(
            trigger=SiteWatchTrigger(
                site=self.site,
                deployment=SiteHook(self.site).deployment(),
                until_s=time.time() + self.watch.total_seconds(),
                pause_s=self.pause_s,
                grace_s=GRACE_S,
            ),
            method_name="resume",
            timeout=self.watch + MARGIN,
        )

    def resume(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Hand on how many jobs were stopped."""
        return dict(event)


class RemoveLeftoversOperator(DocumentedOperator):
    """Removes finished jobs, their volumes, old forwarders and unused serving images from the site when their
    time has come. A training goes only after its raw log has become an artifact of its run; where that has
    failed before, it is tried again here.

    Args:
        site: The site; its connections begin with this name.
        model_registry_conn_id: Where raw logs of trainings are kept.
        keep_jobs: See `RetentionPolicy`, as for the others.
        keep_failures_days: How long failed jobs are kept.
        keep_images: Unused serving images of each model.
        min_age_hours: Nothing younger is removed.
    """

    template_fields: Sequence[str] = ("keep_failures_days", "keep_images", "keep_jobs", "min_age_hours")
    ui_color: str = "#f3f0e6"

    def __init__(
        self,
        *,
        site: str = DEFAULT_SITE,
        model_registry_conn_id: str = DEFAULT_MODEL_REGISTRY,
        keep_jobs: int | str = RetentionPolicy.keep_jobs,
        keep_failures_days: int | str = RetentionPolicy.keep_failures_days,
        keep_images: int | str = RetentionPolicy.keep_images,
        min_age_hours: int | str = RetentionPolicy.min_age_hours,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.site = site
        self.model_registry_conn_id = model_registry_conn_id
        self.keep_jobs = keep_jobs
        self.keep_failures_days = keep_failures_days
        self.keep_images = keep_images
        self.min_age_hours = min_age_hours

    @ends_with_a_sentence
    def execute(self, context: Context) -> dict[str, int]:
        """Remove what may go; a line in the log for each thing, and their numbers."""
        archive = ModelRegistryHook(self.model_registry_conn_id).log_archive()
        removed = asyncio.run(self._clean_up(self.policy(), SiteHook(self.site).deployment(), archive))
        self.log.info("Removed from %s: %s.", self.site, removed)
        return removed.as_dict()

    def policy(self) -> RetentionPolicy:
        """How long things are kept.

        Raises:
            BadRequest: A value would remove what is needed.
        """
        return RetentionPolicy(
            keep_jobs=int(self.keep_jobs),
            keep_failures_days=int(self.keep_failures_days),
            keep_images=int(self.keep_images),
            min_age_hours=int(self.min_age_hours),
        )

    async def _clean_up(self, policy: RetentionPolicy, deployment: str, archive: LogArchive) -> Removed:
        async with entered(self.site) as found:
            housekeeper = Housekeeper(
                host=found.host,
                inventory=found.inventory,
                bookmarks=found.bookmarks,
                tasks=found.tasks,
                archive=archive,
                deployment=deployment,
                policy=policy,
                say=self.log.info,
            )
            return await housekeeper.once()
