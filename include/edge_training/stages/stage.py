"""stage_data: bring the manifest's blobs into the site's content-addressed cache, every byte checked."""

from __future__ import annotations

from typing import Literal

from edge_runner.protocol import CACHE_VOLUME_DIR, DATA_DIR, WORK_NAME
from edge_training.identity import CACHE_VOLUME, step_key
from edge_training.jobs import EdgeJob
from edge_training.ports.edge_host import Mount
from edge_training.run import PipelineRun

TIME_LIMIT_S = 6 * 3600
PARALLEL_READS = 8


def job(run: PipelineRun, data_digest: str, snapshot_job: str) -> EdgeJob:
    """The job that downloads what the cache lacks.

    Args:
        run: The run.
        data_digest: SHA-256 of the manifest.
        snapshot_job: The container that left the manifest.
    """
    store = run.site.store
    request = store.request(run.project.container) | {"data_digest": data_digest, "parallel": PARALLEL_READS}
    return EdgeJob(
        step="stage",
        key=step_key("stage", data_digest=data_digest),
        image=run.training_image,
        request=request,
        secrets=store.read_access(run.project.container, TIME_LIMIT_S),
        inputs={"snapshot": snapshot_job},
        mounts=(Mount(CACHE_VOLUME, CACHE_VOLUME_DIR, read_only=False),),
        storage=store.forward(run.training_image),
        limits=run.limits,
        labels=run.labels,
        login=run.login,
    )


def staged(data_digest: str, split: Literal["", "train", "holdout"] = "") -> Mount:
    """The staged data, or one split of it, as a job sees it: read-only."""
    view = f"{WORK_NAME}/views/{data_digest}" + (f"/{split}" if split else "")
    return Mount(CACHE_VOLUME, DATA_DIR, subpath=view)
