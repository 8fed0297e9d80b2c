"""evaluate_champion: what this run's script measures of the champion on this run's holdout, for the gates
that compare with it.

The champion's metrics in the registry were measured on another day, maybe by another script. So its
registered bundle is brought back to the site and evaluated there, like any model: once for each bundle,
holdout and script.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_runner.gates import CHAMPION_INPUT
from edge_training.bundle import bundle_path
from edge_training.identity import code_digest, image_digest, step_key
from edge_training.jobs import EdgeJob
from edge_training.partitions import is_within
from edge_training.ports.model_registry import BUNDLE_DIGEST_TAG, TRAINING_KEY_TAG, ModelVersion
from edge_training.project import ModelProject
from edge_training.run import PipelineRun
from edge_training.stages.stage import staged
from edge_training.stages.train import script_request

WINDOW_TAG = "window"


@dataclass(frozen=True)
class Rival:
    """With what a model is compared.

    Attributes:
        version: The champion's version; empty when there is none, None when it is the model itself.
        note: Why nothing is compared; empty when something is.
        job: The container that has measured it; empty when nothing is compared.
    """

    version: str | None
    note: str
    job: str = ""

    @classmethod
    def handed_on(cls, value: Mapping[str, Any]) -> Rival:
        """The one that evaluate_champion has handed on."""
        return cls(value["version"], value["note"], value["job"])

    def request(self) -> dict[str, str | None]:
        """What the evaluation is told of it."""
        return {"version": self.version, "note": self.note}

    def inputs(self) -> dict[str, str]:
        """The job whose work the evaluation sees, by the name it knows it under."""
        return {CHAMPION_INPUT: self.job} if self.job else {}


def rival_of(
    project: ModelProject, champion: ModelVersion | None, training_key: str, partition: str
) -> Rival:
    """Whom a model is compared with, and why it is not measured; nobody has measured it yet.

    Args:
        project: The model's project.
        champion: The version now preferred for serving; None when there is none yet.
        training_key: Which training it is to be compared with.
        partition: The holdout.
    """
    if champion is None:
        return Rival("", "there is no champion yet")
    name = f"version {champion.version}, the champion,"
    if champion.tags.get(TRAINING_KEY_TAG) == training_key:
        return Rival(None, f"{name} is this very training")
    if not project.asks_for_champion:
        return Rival(champion.version, "no gate asks for the champion")
    if is_within(partition, champion.tags.get(WINDOW_TAG, "")):
        return Rival(champion.version, f"{name} was trained on {partition}, this holdout")
    return Rival(champion.version, "")


def job(
    run: PipelineRun, data_digest: str, params: Mapping[str, Any], champion: ModelVersion, store: Path
) -> EdgeJob:
    """The evaluation of the champion on the window's holdout.

    Args:
        run: The run.
        data_digest: SHA-256 of the manifest.
        params: The script's parameters.
        champion: The champion.
        store: The worker's store, where its bundle is before the job starts.
    """
    code, script = run.project.code(), run.project.evaluation_script
    digest = champion.tags[BUNDLE_DIGEST_TAG]
    request = script_request(run, script, params)
    return EdgeJob(
        step="evaluate",
        key=step_key(
            "evaluate",
            champion_bundle=digest,
            data_digest=data_digest,
            code=code_digest(code),
            script=script,
            training_image=image_digest(run.training_image),
            params=dict(params),
            seed=run.project.seed,
        ),
        image=run.training_image,
        request=request | {"champion": {"version": champion.version, "bundle_digest": digest}},
        code=code,
        bundle=bundle_path(store, digest),
        mounts=(staged(data_digest, "holdout"),),
        limits=run.limits,
        labels=run.labels,
        login=run.login,
    )
