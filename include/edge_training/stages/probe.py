"""probe_storage: what the site's blob store supports, found from where the pipeline's steps run."""

from __future__ import annotations

from edge_training.identity import step_key
from edge_training.jobs import EdgeJob
from edge_training.ports.edge_host import Limits
from edge_training.run import PipelineRun

TIME_LIMIT_S = 600
DEFAULT_LIMITS = Limits(memory_bytes=256 * 2**20)


def job(run: PipelineRun) -> EdgeJob:
    """The job that asks the blob store, anew at every try, with what a pipeline's steps may do."""
    store = run.site.store
    grant = run.grant("rl")
    return EdgeJob(
        step="probe",
        key=step_key("probe", attempt=run.owner.attempt),
        image=run.training_image,
        request=store.request(run.project.container) | {"prefix": run.project.prefix_of_all},
        secrets=store.secrets(grant, TIME_LIMIT_S),
        grant=grant,
        storage=store.forward(run.training_image),
        limits=run.limits,
        labels=run.labels,
        login=run.login,
    )
