"""stage_data: bring the manifest's blobs into the site's content-addressed cache, every byte checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from edge_runner.protocol import CACHE_DIR, CACHE_VOLUME_DIR, COMPLETE_NAME, DATA_DIR, WORK_NAME
from edge_training.errors import BadRequest
from edge_training.identity import CACHE_VOLUME, step_key
from edge_training.jobs import EdgeJob
from edge_training.ports.edge_host import Limits, Mount
from edge_training.run import PipelineRun
from edge_training.storage_jobs import storage_job

TIME_LIMIT_S = 6 * 3600
SECONDS_PER_DAY = 86400
PARALLEL_READS = 8
DEFAULT_LIMITS = Limits(cpus=2.0)
"""TLS, checksums and writing take turns on all CPUs that there are."""
DEFAULT_KEEP_DAYS = 7.0


@dataclass(frozen=True)
class CachePolicy:
    """What the site's cache may take.

    Attributes:
        quota_bytes: All staged content together; None for as much as the disk holds.
        keep_days: How long what a run has staged is kept, whatever the quota; longer than any run takes.
    """

    quota_bytes: int | None = None
    keep_days: float = DEFAULT_KEEP_DAYS

    def __post_init__(self) -> None:
        """Refuse what would evict data under a run, or everything.

        Raises:
            BadRequest: A value is too small.
        """
        if self.keep_days < 1:
            raise BadRequest(f"keep_days={self.keep_days:g} keeps too little; set it to 1 or more.")
        if self.quota_bytes is not None and self.quota_bytes <= 0:
            raise BadRequest(f"quota_bytes={self.quota_bytes} leaves no room; set it to the bytes allowed.")


def job(run: PipelineRun, data_digest: str, snapshot_job: str, policy: CachePolicy) -> EdgeJob:
    """The job that downloads what the cache lacks.

    Args:
        run: The run.
        data_digest: SHA-256 of the manifest.
        snapshot_job: The container that left the manifest.
        policy: What the cache may take.
    """
    request = {
        "data_digest": data_digest,
        "parallel": PARALLEL_READS,
        "quota_bytes": policy.quota_bytes,
        "keep_s": policy.keep_days * SECONDS_PER_DAY,
    }
    key = step_key("stage", data_digest=data_digest)
    return replace(
        storage_job(run, "stage", key, request, "r", TIME_LIMIT_S),
        inputs={"snapshot": snapshot_job},
        mounts=(Mount(CACHE_VOLUME, CACHE_VOLUME_DIR, read_only=False),),
        proof=f"{CACHE_DIR}/views/{data_digest}/{COMPLETE_NAME}",
    )


def staged(data_digest: str, split: Literal["", "train", "holdout"] = "") -> Mount:
    """The staged data, or one split of it, as a job sees it: read-only."""
    view = f"{WORK_NAME}/views/{data_digest}" + (f"/{split}" if split else "")
    return Mount(CACHE_VOLUME, DATA_DIR, subpath=view)
