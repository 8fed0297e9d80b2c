"""snapshot_data: pin the blobs of the window in a manifest; its SHA-256 is the data digest."""

from __future__ import annotations

from edge_training.identity import step_key
from edge_training.jobs import EdgeJob
from edge_training.partitions import Window
from edge_training.run import PipelineRun
from edge_training.storage_jobs import storage_job

TIME_LIMIT_S = 3600


def job(run: PipelineRun, window: Window) -> EdgeJob:
    """The job that lists the blobs; it looks anew at every try."""
    parts = [(key, "train") for key in window.training_keys] + [(run.partition, "holdout")]
    request = run.project.selection() | {
        "parts": [
            {"partition": key, "prefix": run.project.partition_prefix(key), "split": split}
            for key, split in parts
        ]
    }
    key = step_key("snapshot", attempt=run.owner.attempt)
    return storage_job(run, "snapshot", key, request, "l", TIME_LIMIT_S)
