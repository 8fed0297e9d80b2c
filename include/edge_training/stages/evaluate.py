"""evaluate_model: the user's script on the holdout day, the gates, and the answers to hold the serving image
against.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge_training.errors import BadRequest
from edge_training.identity import code_digest, container_name, step_key
from edge_training.jobs import EdgeJob
from edge_training.project import ModelProject
from edge_training.run import PipelineRun
from edge_training.stages.champion import Rival
from edge_training.stages.stage import staged
from edge_training.stages.train import script_request


def job(
    run: PipelineRun,
    data_digest: str,
    training_key: str,
    params: Mapping[str, Any],
    champion: Rival | None = None,
) -> EdgeJob:
    """The evaluation of one training on the window's holdout.

    Args:
        run: The run.
        data_digest: SHA-256 of the manifest.
        training_key: Which training.
        params: The script's parameters.
        champion: What evaluate_champion has found; None where the DAG has no such task.

    Raises:
        BadRequest: A gate asks for the champion, and nobody has looked for it.
    """
    require_champion(run.project, champion)
    code, script = run.project.code(), run.project.evaluation_script
    asked = {
        "gates": [gate.request() for gate in run.project.gates],
        "champion": champion.request() if champion else None,
        "contract": run.project.contract_text() if any(gate.slice for gate in run.project.gates) else None,
    }
    rival = champion.inputs() if champion else {}
    return EdgeJob(
        step="evaluate",
        key=step_key(
            "evaluate",
            training_key=training_key,
            data_digest=data_digest,
            code=code_digest(code),
            script=script,
            rival=rival,
            **asked,
        ),
        image=run.training_image,
        request=script_request(run, script, params) | asked,
        code=code,
        inputs={"train": container_name("train", training_key)} | rival,
        mounts=(staged(data_digest, "holdout"),),
        limits=run.limits,
        labels=run.labels,
        login=run.login,
    )


def require_champion(project: ModelProject, champion: object) -> None:
    """Make sure that gates which compare with the champion can.

    Raises:
        BadRequest: They cannot.
    """
    if project.asks_for_champion and champion is None:
        raise BadRequest(
            f"A gate of {project.name} compares with the champion, which nobody has measured; put an "
            "EvaluateChampionOperator before evaluate_model and hand its output on as `champion`, or clear "
            "its task."
        )
