"""validate_data: hold every row of the staged data against the contract; only aggregates leave."""

from __future__ import annotations

from edge_training.identity import code_digest, container_name, digest_of_json, read_code, step_key
from edge_training.jobs import RUNNER_FOLDER, EdgeJob
from edge_training.ports.edge_host import Limits
from edge_training.run import PipelineRun
from edge_training.stages.stage import staged

DEFAULT_LIMITS = Limits(cpus=2.0)
"""Every row is looked at, by all CPUs that there are."""


def job(run: PipelineRun, data_digest: str) -> EdgeJob:
    """The job that checks the data; same data, contract and rules give the same verdict, so it runs once."""
    contract = run.project.contract_text()
    key = step_key(
        "validate",
        data_digest=data_digest,
        contract=digest_of_json(contract),
        runner=code_digest(read_code(RUNNER_FOLDER)),
        training_image=run.training_image,
    )
    return EdgeJob(
        step="validate",
        key=key,
        image=run.training_image,
        request={
            "contract": contract,
            "partition": run.partition,
            "volume": container_name("validate", key),
        },
        mounts=(staged(data_digest),),
        limits=run.limits,
        labels=run.labels,
        login=run.login,
    )
