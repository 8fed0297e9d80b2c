"""probe_storage: what the site's blob store supports, found from where the pipeline's steps run."""

from __future__ import annotations

from edge_training.identity import step_key
from edge_training.jobs import EdgeJob
from edge_training.ports.edge_host import Limits
from edge_training.run import PipelineRun
from edge_training.storage_jobs import storage_job

TIME_LIMIT_S = 600
DEFAULT_LIMITS = Limits(memory_bytes=256 * 2**20)


def job(run: PipelineRun) -> EdgeJob:
    """The job that asks the blob store, anew at every try, with what a pipeline's steps may do."""
    key = step_key("probe", attempt=run.owner.attempt)
    return storage_job(run, "probe", key, {"prefix": run.project.prefix_of_all}, "rl", TIME_LIMIT_S)
