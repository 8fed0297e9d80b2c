"""What this Airflow knows of its runs and tasks, asked from a task or a trigger; no database, no login."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any, Protocol

from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from asgiref.sync import sync_to_async

from edge_training.ports.task_states import RunRef, TaskRef

UNFINISHED = ["queued", "running"]


class Questions(Protocol):
    """What Airflow answers of itself to a task or a trigger."""

    def get_task_states(self, dag_id: str, *, task_ids: list[str], run_ids: list[str]) -> dict[str, Any]:
        """States by run and task; runs and tasks that do not exist are missing."""

    def get_dr_count(self, dag_id: str, *, run_ids: list[str], states: list[str]) -> int:
        """How many of the runs are in one of the states."""


class AirflowTaskStates:
    """The port `TaskStates`, see there for what each call means.

    Args:
        airflow: Who answers.
    """

    def __init__(self, airflow: Questions = RuntimeTaskInstance) -> None:
        self._airflow = airflow

    async def states(self, tasks: Collection[TaskRef]) -> dict[TaskRef, str | None]:
        """One question per DAG, however many tasks."""
        by_dag: dict[str, set[TaskRef]] = defaultdict(set)
        for task in tasks:
            by_dag[task.run.dag_id].add(task)
        found: dict[TaskRef, str | None] = {}
        for dag_id, asked in by_dag.items():
            answer = await sync_to_async(self._airflow.get_task_states)(
                dag_id,
                task_ids=sorted({task.task_id for task in asked}),
                run_ids=sorted({task.run.run_id for task in asked}),
            )
            for task in asked:
                known = answer.get(task.run.run_id, {})
                if state_name(task) in known:
                    found[task] = known[state_name(task)]
        return found

    async def unfinished(self, runs: Collection[RunRef]) -> set[RunRef]:
        """A count, because the state of a run that was deleted is an error in Airflow's log."""
        found = set()
        for run in runs:
            count = await sync_to_async(self._airflow.get_dr_count)(
                run.dag_id, run_ids=[run.run_id], states=UNFINISHED
            )
            if count:
                found.add(run)
        return found


def state_name(task: TaskRef) -> str:
    """What Airflow's answer calls a task's state."""
    return task.task_id if task.map_index < 0 else f"{task.task_id}_{task.map_index}"
