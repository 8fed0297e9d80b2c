"""Jobs that reach the site's blob store: with the network, and with what their step may do there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge_training.jobs import EdgeJob
from edge_training.run import PipelineRun


def storage_job(
    run: PipelineRun, step: str, key: str, request: Mapping[str, Any], permissions: str, time_limit_s: int
) -> EdgeJob:
    """The job of a step in the training runtime that reads the project's container.

    Args:
        run: The run.
        step: Module name under `edge_runner.steps`.
        key: Identity, from `identity`.
        request: What the step is asked, beyond where the store is.
        permissions: `r` read, `l` list, `rl` both.
        time_limit_s: How long the step may take.
    """
    store, grant = run.site.store, run.grant(permissions)
    return EdgeJob(
        step=step,
        key=key,
        image=run.training_image,
        request={**store.request(run.project.container), **request},
        secrets=store.secrets(grant, time_limit_s),
        grant=grant,
        storage=store.forward(run.training_image),
        limits=run.limits,
        labels=run.labels,
        login=run.login,
    )
