"""validate_data: hold every row of the staged data against the contract, and all of it against what the
champion was trained on; only aggregates leave.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edge_training.identity import code_digest, container_name, digest_of_json, read_code, step_key
from edge_training.jobs import RUNNER_FOLDER, EdgeJob
from edge_training.ports.edge_host import Limits
from edge_training.ports.model_registry import ModelRegistry, ModelVersion
from edge_training.ports.validations import PROFILE_PATH
from edge_training.run import PipelineRun
from edge_training.stages.stage import staged
from edge_training.validation_files import VERSION, read_document

DEFAULT_LIMITS = Limits(cpus=2.0)
"""Every row is looked at, by all CPUs that there are."""


@dataclass(frozen=True)
class Reference:
    """What the data is compared with.

    Attributes:
        profile: Of what the champion was trained on; None where there is none.
        lack: Why there is none, as part of a sentence; None where there is one.
    """

    profile: Mapping[str, Any] | None
    lack: str | None = None


def job(run: PipelineRun, data_digest: str, reference: Reference) -> EdgeJob:
    """The job that checks the data; the same data, contract, rules and reference give the same verdict, so it
    runs once.

    Args:
        run: The run.
        data_digest: SHA-256 of the manifest.
        reference: What the data is compared with.
    """
    request = {
        "contract": run.project.contract_text(),
        "partition": run.partition,
        "model": run.project.name,
        "data_digest": data_digest,
        "reference_profile": reference.profile,
        "reference_lack": reference.lack,
        "drift": run.project.drift.request(),
    }
    key = step_key(
        "validate",
        request=digest_of_json(request),
        runner=code_digest(read_code(RUNNER_FOLDER)),
        training_image=run.training_image,
    )
    return EdgeJob(
        step="validate",
        key=key,
        image=run.training_image,
        request={**request, "volume": container_name("validate", key)},
        mounts=(staged(data_digest),),
        limits=run.limits,
        labels=run.labels,
        login=run.login,
    )


def reference_of(
    registry: ModelRegistry, champion: ModelVersion | None, say: Callable[[str], object]
) -> Reference:
    """The profile of the data that the champion was trained on, or why there is none.

    Without one no drift is measured, which is said: else no model could follow a champion that was trained by
    another release.

    Args:
        registry: Where it is kept, beside the champion's files.
        champion: The version now preferred for serving; None when there is none yet.
        say: Is told what the data is compared with.

    Raises:
        ModelRegistryUnavailable: The registry does not answer; data that drifts must not slip through.
    """
    if champion is None:
        say("There is no champion yet: no drift is measured.")
        return Reference(None, "there is no champion yet")
    content = registry.attached(champion, PROFILE_PATH)
    profile = None if content is None else read_document(content)
    if profile is None:
        lack = "no profile" if content is None else f"no profile of version {VERSION}"
        say(f"Version {champion.version}, the champion, has {lack}: no drift is measured.")
        return Reference(None, f"version {champion.version}, the champion, has {lack}")
    say(f"The data is compared with what version {champion.version}, the champion, was trained on.")
    return Reference(profile)
