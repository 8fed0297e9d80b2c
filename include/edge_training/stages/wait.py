"""wait_for_partition: until every partition of the window is there as its project asks for it."""

from __future__ import annotations

from typing import Literal, get_args

from edge_training.errors import BadRequest
from edge_training.identity import step_key
from edge_training.jobs import EdgeJob
from edge_training.partitions import Window
from edge_training.run import PipelineRun
from edge_training.storage_jobs import storage_job

OnTimeLimit = Literal["fail", "skip"]


def job(
    run: PipelineRun, window: Window, poll_s: int, time_limit_s: int, on_time_limit: OnTimeLimit
) -> EdgeJob:
    """The job that watches the blob store.

    Args:
        run: The run.
        window: Days that must be there.
        poll_s: Seconds between two looks.
        time_limit_s: When to give up.
        on_time_limit: What becomes of the task then.

    Raises:
        BadRequest: There is no such end.
    """
    if on_time_limit not in get_args(OnTimeLimit):
        raise BadRequest(f"on_time_limit is {on_time_limit!r}; set it to 'fail' or 'skip' in the DAG file.")
    prefixes = [run.project.partition_prefix(key) for key in [*window.training_keys, run.partition]]
    request = run.project.selection() | {
        "prefixes": prefixes,
        "partition": run.partition,
        "poll_s": poll_s,
        "time_limit_s": time_limit_s,
        "on_time_limit": on_time_limit,
        "contract": run.project.contract_text(),
    }
    key = step_key("wait", attempt=run.owner.attempt)
    return storage_job(run, "wait", key, request, "l", time_limit_s)
