"""export_model: list on the site what may leave, then let exactly that through the door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_runner.listing import BUNDLE_NAME, ListedFile
from edge_runner.protocol import JOB_DIR
from edge_training.bundle import check_listing, receive
from edge_training.identity import container_name, step_key
from edge_training.jobs import EdgeJob
from edge_training.ports.edge_host import EdgeHost
from edge_training.run import PipelineRun

BUNDLE_DIR = f"{JOB_DIR}/{BUNDLE_NAME}"


def job(run: PipelineRun, training_key: str, evaluation_job: str) -> EdgeJob:
    """The job that checks and lists the bundle.

    Args:
        run: The run.
        training_key: Whose model leaves.
        evaluation_job: The container that left the evaluation.
    """
    request = {"allow": list(run.project.may_leave), "max_bytes": run.project.max_bundle_bytes}
    return EdgeJob(
        step="export",
        key=step_key("export", training_key=training_key, evaluation=evaluation_job, **request),
        image=run.training_image,
        request=request,
        inputs={"train": container_name("train", training_key), "evaluate": evaluation_job},
        limits=run.limits,
        labels=run.labels,
        login=run.login,
    )


def listed(run: PipelineRun, value: Mapping[str, Any]) -> list[ListedFile]:
    """The files that the job wants to let out, once the worker too finds that they may leave.

    Raises:
        ExportRefused: One of them may not.
    """
    return check_listing(value["files"], run.project.may_leave, run.project.max_bundle_bytes)


async def fetch(host: EdgeHost, job_name: str, files: Sequence[ListedFile], store: Path) -> Path:
    """Stream the bundle out of the site, every file held against the list.

    Args:
        host: The site.
        job_name: The export job's container.
        files: What may leave, from `listed`.
        store: Where bundles are kept.

    Returns:
        The stored bundle.

    Raises:
        ExportRefused: Something that is not on the list wanted to leave.
    """
    return await receive(host.stream_directory(job_name, BUNDLE_DIR), files, store)
