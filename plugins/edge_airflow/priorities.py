"""Who gets a site's next free slot: nights and manual runs before backfills, begun runs before new ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.task.priority_strategy import PriorityWeightStrategy
from airflow.utils.types import DagRunType

if TYPE_CHECKING:
    from airflow.models.taskinstance import TaskInstance

AHEAD_OF_BACKFILLS = 1000
"""More than any chain has tasks."""


class BackfillsLast(PriorityWeightStrategy):
    """A task's own weight, more for every task before it, and much more outside backfills.

    The deeper in its run, the sooner: what one run has staged on the site is used before more is staged.
    """

    def get_weight(self, ti: TaskInstance) -> int:
        """The weight of one task of one run, which its id tells apart from a backfill's."""
        task = ti.task
        assert task is not None  # Airflow's type allows none; it never asks without a task
        depth = len(task.get_flat_relative_ids(upstream=True))
        is_backfill = DagRunType.from_run_id(ti.run_id) is DagRunType.BACKFILL_JOB
        return task.priority_weight + depth + (0 if is_backfill else AHEAD_OF_BACKFILLS)
