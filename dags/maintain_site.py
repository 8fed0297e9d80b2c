"""Looks after the site: stops jobs that nobody waits for any more, and removes what nobody needs.

One run after the other, an hour each. To clean up by other rules, trigger a run with other values; it waits
until the running one is over, up to an hour. To change them for good, change the defaults here. Whatever
they say, a training stays until its raw log is an artifact of its run in the model registry; a copy that
failed before is made first.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import Param, dag

from edge_airflow.operators.maintenance import RemoveLeftoversOperator, StopOrphansOperator

PARAMS = {
    "keep_jobs": Param(
        30, type="integer", minimum=0, title="Finished jobs to keep", description="Of each model and step"
    ),
    "keep_failures_days": Param(14, type="integer", minimum=0, title="Days to keep failed jobs"),
    "keep_images": Param(
        3, type="integer", minimum=0, title="Unused serving images to keep", description="Of each model"
    ),
    "min_age_hours": Param(12, type="integer", minimum=1, title="Hours before anything is removed"),
}


@dag(
    schedule="@continuous",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    dagrun_timeout=timedelta(hours=2),
    params=PARAMS,
    render_template_as_native_obj=True,
    default_args={"site": "edge_site", "retry_delay": timedelta(minutes=1)},
    tags=["edge", "maintenance"],
    doc_md=__doc__,
)
def maintain_site() -> None:
    """Stop what nobody waits for, all the time; remove what nobody needs, every hour."""
    StopOrphansOperator(task_id="stop_orphans", retries=20, execution_timeout=timedelta(hours=1.5))
    RemoveLeftoversOperator(
        task_id="remove_leftovers",
        keep_jobs="{{ params.keep_jobs }}",
        keep_failures_days="{{ params.keep_failures_days }}",
        keep_images="{{ params.keep_images }}",
        min_age_hours="{{ params.min_age_hours }}",
        retries=3,
        execution_timeout=timedelta(minutes=10),
    )


maintain_site()
