"""wait_for_partition: until every partition of the window is there and has been quiet for a set time."""

from __future__ import annotations

from edge_training.identity import step_key
from edge_training.jobs import EdgeJob
from edge_training.partitions import Window
from edge_training.run import PipelineRun


def job(run: PipelineRun, window: Window, quiet_s: int, poll_s: int, time_limit_s: int) -> EdgeJob:
    """The job that watches the blob store.

    Args:
        run: The run.
        window: Days that must be there.
        quiet_s: How long no blob may have changed.
        poll_s: Seconds between two looks.
        time_limit_s: When to give up.
    """
    prefixes = [run.project.partition_prefix(key) for key in [*window.training_keys, run.partition]]
    store = run.site.store
    request = store.request(run.project.container) | {
        "prefixes": prefixes,
        "partition": run.partition,
        "quiet_s": quiet_s,
        "poll_s": poll_s,
        "time_limit_s": time_limit_s,
    }
    return EdgeJob(
        step="wait",
        key=step_key("wait", attempt=run.owner.attempt),
        image=run.training_image,
        request=request,
        secrets=store.read_access(run.project.container, time_limit_s),
        storage=store.forward(run.training_image),
        limits=run.limits,
        labels=run.labels,
        login=run.login,
    )
