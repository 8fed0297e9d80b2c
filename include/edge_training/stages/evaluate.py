"""evaluate_model: the user's script on the holdout day, the gates, and the answers to hold the serving image
against.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge_training.identity import code_digest, container_name, step_key
from edge_training.jobs import EdgeJob
from edge_training.run import PipelineRun
from edge_training.stages.stage import staged
from edge_training.stages.train import script_request


def job(run: PipelineRun, data_digest: str, training_key: str, params: Mapping[str, Any]) -> EdgeJob:
    """The evaluation of one training on the window's holdout.

    Args:
        run: The run.
        data_digest: SHA-256 of the manifest.
        training_key: Which training.
        params: The script's parameters.
    """
    code, script = run.project.code(), run.project.evaluation_script
    gates = [gate.request() for gate in run.project.gates]
    return EdgeJob(
        step="evaluate",
        key=step_key(
            "evaluate",
            training_key=training_key,
            data_digest=data_digest,
            code=code_digest(code),
            script=script,
            gates=gates,
        ),
        image=run.training_image,
        request=script_request(run, script, params) | {"gates": gates},
        code=code,
        inputs={"train": container_name("train", training_key)},
        mounts=(staged(data_digest, "holdout"),),
        limits=run.limits,
        labels=run.labels,
        login=run.login,
    )
