"""What Airflow hands to a task, as far as the operators that are measured look at it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from airflow.sdk import Context

RUN_ID = "benchmark"


def task_context() -> Context:
    """A first try."""
    task = SimpleNamespace(
        dag_id="benchmark",
        run_id=RUN_ID,
        task_id="train_model",
        map_index=-1,
        try_number=1,
        id="benchmark",
        xcom_push=lambda **_: None,
    )
    run = SimpleNamespace(partition_key="2013-02-01")
    return cast(Context, cast(Any, {"ti": task, "task_instance": task, "dag_run": run}))
