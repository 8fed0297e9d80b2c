"""How much a task puts up with while its job runs, and what becomes of the job when its time is over."""

from __future__ import annotations

import time
from dataclasses import dataclass

from edge_training.errors import EdgeError, TimeLimit

GRACE_S = 20
TIME_IS_OVER = "its task ran longer than execution_timeout"


@dataclass(frozen=True)
class WatchLimits:
    """How much a watch puts up with.

    Attributes:
        out_of_reach_s: How long the site may be out of reach.
        most_restarts: How often an interrupted container is started again.
        grace_s: Between SIGTERM and SIGKILL when the job is given up.
        deadline: When the task's time is over, in seconds since 1970; None for never.
    """

    out_of_reach_s: float = 24 * 3600.0
    most_restarts: int = 5
    grace_s: int = GRACE_S
    deadline: float | None = None

    @property
    def left_s(self) -> float | None:
        """How long the task may still take."""
        return None if self.deadline is None else max(0.0, self.deadline - time.time())


def given_up(was_stopped: bool) -> str:
    """The sentence for what `lifecycle.give_up` did with a job."""
    if was_stopped:
        return "It was stopped on the site."
    return "It was left as it is, because somebody else waits for its end."


def not_given_up(error: EdgeError) -> str:
    """The sentence for a job that could not be stopped."""
    return f"It could not be stopped ({error}); maintain_site does that once the site answers."


def out_of_time(job_name: str, what_became: str) -> TimeLimit:
    """The error of a task whose time was over before its job's."""
    return TimeLimit(
        f"{job_name} was still running when its task's execution_timeout was over. {what_became} Raise "
        "execution_timeout, or let the job do less."
    )
