"""What a scheduler knows, in memory."""

from __future__ import annotations

from collections.abc import Collection

from edge_training.ports.task_states import RunRef, TaskRef


class InMemoryTaskStates:
    """Implements `TaskStates`.

    Attributes:
        known: State of each task that exists.
        live_runs: Runs that have not ended.
        asked: All questions about tasks, in order.
    """

    def __init__(self) -> None:
        self.known: dict[TaskRef, str | None] = {}
        self.live_runs: set[RunRef] = set()
        self.asked: list[set[TaskRef]] = []

    async def states(self, tasks: Collection[TaskRef]) -> dict[TaskRef, str | None]:
        """See `TaskStates.states`."""
        self.asked.append(set(tasks))
        return {task: self.known[task] for task in tasks if task in self.known}

    async def unfinished(self, runs: Collection[RunRef]) -> set[RunRef]:
        """See `TaskStates.unfinished`."""
        return set(runs) & self.live_runs
