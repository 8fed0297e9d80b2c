"""train_model: the user's script on the staged days, in the sandbox; the container's name follows from the
training key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge_training.identity import code_digest, training_key
from edge_training.jobs import EdgeJob
from edge_training.run import PipelineRun
from edge_training.stages.stage import staged


def job(run: PipelineRun, data_digest: str, params: Mapping[str, Any], force_nonce: str) -> EdgeJob:
    """The training, with the training key as its key.

    Args:
        run: The run.
        data_digest: SHA-256 of the manifest.
        params: The script's parameters.
        force_nonce: Empty, or what names the run that trains although the same training was done before.
    """
    code, script = run.project.code(), run.project.training_script
    return EdgeJob(
        step="train",
        key=training_key(
            data_digest,
            code_digest(code),
            script,
            run.training_image,
            params,
            run.project.seed,
            force_nonce,
        ),
        image=run.training_image,
        request=script_request(run, script, params),
        code=code,
        mounts=(staged(data_digest, "train"),),
        limits=run.limits,
        labels=run.labels,
        login=run.login,
    )


def script_request(run: PipelineRun, script: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """What a step is asked that runs one of the project's scripts; as many threads as it has whole CPUs."""
    return {
        "script": script,
        "partition": run.partition,
        "seed": run.project.seed,
        "params": dict(params),
        "threads": max(1, int(run.limits.cpus)),
        "time_limit_s": run.project.training_limit_s,
    }
