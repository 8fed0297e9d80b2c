"""register_model: one version with its lineage, metrics and files; once, however often it is tried.

A model that has failed a gate gets a version, too, with the state `rejected` and the reason, and the chain
stops there: no image is made of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_runner.protocol import canonical_json
from edge_training import verdict
from edge_training.bundle import Metric, read_metrics, read_run
from edge_training.errors import GateFailed
from edge_training.lineage.tags import Lineage
from edge_training.model_card.card import CARD_PATH, model_card
from edge_training.ports.model_registry import (
    BUNDLE_DIGEST_TAG,
    STATE_REGISTERED,
    STATE_REJECTED,
    TRAINING_KEY_TAG,
    VERDICT_TAG,
    ModelRegistry,
    Registration,
)
from edge_training.ports.validations import FILES_PATH, ValidationArchive

METRICS_TAG = "metrics"
GATES_TAG = "gates"
SLICES_TAG = "slices"
CHAMPION_BEFORE_TAG = "champion_before"
NO_CHAMPION = "none"
HOLDOUT_PREFIX = "holdout/"
MOST_OF_OBJECTION = 1000
"""Characters of it in a description; the tag `verdict` has all."""


@dataclass(frozen=True)
class Evaluation:
    """What the evaluation found.

    Attributes:
        metrics: Measured on the holdout.
        gates: The verdicts of `edge_runner.gates`.
        slices: What was measured in groups of the holdout that may be told, see
            `edge_runner.gates.told_slices`.
        champion_version: The champion that the model is to follow; empty when there is none, None when it is
            this model itself or nobody has looked.
    """

    metrics: Mapping[str, float]
    gates: Sequence[Mapping[str, Any]]
    slices: Sequence[Mapping[str, Any]]
    champion_version: str | None

    @property
    def objection(self) -> str:
        """Why the model may not serve; empty when it may."""
        return verdict.objection(self.gates)

    def tags(self) -> dict[str, str]:
        """What a version says of it."""
        before = (
            {}
            if self.champion_version is None
            else {CHAMPION_BEFORE_TAG: self.champion_version or NO_CHAMPION}
        )
        return before | {
            METRICS_TAG: canonical_json(dict(self.metrics)).decode(),
            GATES_TAG: canonical_json([dict(gate) for gate in self.gates]).decode(),
            SLICES_TAG: canonical_json([dict(found) for found in self.slices]).decode(),
            VERDICT_TAG: verdict.verdict(self.gates),
        }


def register(
    registry: ModelRegistry,
    bundle: Path,
    name: str,
    training_key: str,
    lineage: Lineage,
    evaluation: Evaluation,
    params: Mapping[str, Any],
    attachments: Mapping[str, bytes],
) -> dict[str, Any]:
    """Register a bundle.

    Args:
        registry: Where to.
        bundle: The stored bundle; its curves of metrics go with it, and what the script logged with MLflow.
        name: The model's name.
        training_key: The identity of the training.
        lineage: Where the model comes from.
        evaluation: What was measured on the holdout, and the gates.
        params: Parameters of the training script; they come before those that it logged.
        attachments: Report and profile of the data, from `data_files`; a model card is made and added.

    Returns:
        `{"model_name", "model_version", "bundle_digest", "registry_run_id"}`. The digest is that of the
        registered bundle: when the same training was registered before from other bytes, those count, and
        `ModelRegistry.fetch` gives them.

    Raises:
        GateFailed: A gate is not passed; the version is there, rejected.
    """
    holdout = [Metric(f"{HOLDOUT_PREFIX}{metric}", value) for metric, value in evaluation.metrics.items()]
    curves, logged = read_metrics(bundle), read_run(bundle)
    tags = lineage.tags() | evaluation.tags()
    card = model_card(name, tags | {TRAINING_KEY_TAG: training_key}, curves, attachments)
    registration = Registration(
        name=name,
        training_key=training_key,
        bundle=bundle,
        tags=tags,
        metrics=[*curves, *holdout],
        params=logged.get("params", {}) | {key: str(value) for key, value in params.items()},
        run_tags=logged.get("tags", {}),
        attachments={**attachments, **card},
        description=_description(lineage, evaluation),
        card=CARD_PATH,
        state=STATE_REJECTED if evaluation.objection else STATE_REGISTERED,
    )
    version = registry.register(registration)
    if evaluation.objection:
        raise GateFailed(
            f"The model may not go on: {evaluation.objection}. It is kept as version {version.version} of "
            f"{name}, {STATE_REJECTED}; improve the model, or change the gates in the DAG file.",
            {"gates": list(evaluation.gates)},
        )
    return {
        "model_name": version.name,
        "model_version": version.version,
        "bundle_digest": version.tags[BUNDLE_DIGEST_TAG],
        "registry_run_id": version.run_id,
    }


def data_files(validations: ValidationArchive, validation: Mapping[str, Any]) -> dict[str, bytes]:
    """Report and profile of the data, by the paths they have beside the model.

    Args:
        validations: Where validate_data has left them.
        validation: What validate_data handed on.

    Raises:
        ModelRegistryRefused: They are no longer there.
    """
    files = validations.fetch(validation["validation_run_id"], validation["report"])
    return {f"{FILES_PATH}/{name}": content for name, content in files.items()}


def _description(lineage: Lineage, evaluation: Evaluation) -> str:
    """What people read first of a version: why it may not serve, and what it was made of."""
    rejected = f"Rejected: {evaluation.objection[:MOST_OF_OBJECTION]}. " if evaluation.objection else ""
    return f"{rejected}Trained on {lineage.window} at {lineage.site}, evaluated on {lineage.partition}."
