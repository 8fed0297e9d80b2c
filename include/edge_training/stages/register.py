"""register_model: one version with its lineage, metrics and files; once, however often it is tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_runner.protocol import canonical_json
from edge_training.bundle import Metric, read_metrics
from edge_training.ports.model_registry import BUNDLE_DIGEST_TAG, ModelRegistry, Registration
from edge_training.ports.validations import FILES_PATH, ValidationArchive

METRICS_TAG = "metrics"
HOLDOUT_PREFIX = "holdout/"


@dataclass(frozen=True)
class Lineage:
    """Where a model comes from; each field becomes a tag of its version.

    Attributes:
        data_digest: SHA-256 of the manifest.
        partition: The partition's key.
        window: The first and the last day it was trained on, such as `2013-01-18/2013-01-31`.
        code_digest: SHA-256 of the training code.
        git_commit: Commit of the checkout, or `unknown`.
        training_image: Training runtime by digest.
        contract_digest: SHA-256 of the data contract.
        validation_run_id: The registry's run that holds the report on the data.
        site: Name of the site.
        dag_id: The DAG.
        run_id: Its run.
    """

    data_digest: str
    partition: str
    window: str
    code_digest: str
    git_commit: str
    training_image: str
    contract_digest: str
    validation_run_id: str
    site: str
    dag_id: str
    run_id: str


def register(
    registry: ModelRegistry,
    bundle: Path,
    name: str,
    training_key: str,
    lineage: Lineage,
    metrics: Mapping[str, float],
    params: Mapping[str, Any],
    attachments: Mapping[str, bytes],
) -> dict[str, Any]:
    """Register a bundle.

    Args:
        registry: Where to.
        bundle: The stored bundle; its curves of metrics go with it.
        name: The model's name.
        training_key: The identity of the training.
        lineage: Where the model comes from.
        metrics: What the evaluation measured on the holdout.
        params: Parameters of the training script.
        attachments: Report and profile of the data, from `data_files`.

    Returns:
        `{"model_name", "model_version", "bundle_digest", "registry_run_id"}`. The digest is that of the
        registered bundle: when the same training was registered before from other bytes, those count, and
        `ModelRegistry.fetch` gives them.
    """
    holdout = [Metric(f"{HOLDOUT_PREFIX}{metric}", value) for metric, value in metrics.items()]
    registration = Registration(
        name=name,
        training_key=training_key,
        bundle=bundle,
        tags={**asdict(lineage), METRICS_TAG: canonical_json(dict(metrics)).decode()},
        metrics=[*read_metrics(bundle), *holdout],
        params={key: str(value) for key, value in params.items()},
        attachments=attachments,
        description=f"Trained on {lineage.window} at {lineage.site}, evaluated on {lineage.partition}.",
    )
    version = registry.register(registration)
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
