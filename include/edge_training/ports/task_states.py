"""The port to the scheduler's knowledge: whether anybody will still come for a job."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class RunRef:
    """One run of a DAG."""

    dag_id: str
    run_id: str


@dataclass(frozen=True)
class TaskRef:
    """One task of a run, whatever its try.

    Attributes:
        run: Its run.
        task_id: The task.
        map_index: Of a mapped task; -1 otherwise.
    """

    run: RunRef
    task_id: str
    map_index: int = -1


class TaskStates(Protocol):
    """What the scheduler of this deployment knows."""

    async def states(self, tasks: Collection[TaskRef]) -> Mapping[TaskRef, str | None]:
        """The state of each task that exists; None for one that nobody has scheduled yet."""

    async def unfinished(self, runs: Collection[RunRef]) -> set[RunRef]:
        """Those of the runs that exist and have not ended."""
