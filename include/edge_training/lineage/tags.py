"""What register_model writes of a model's origin: one tag for each field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from edge_runner.listing import PROFILE_NAME
from edge_runner.protocol import canonical_json
from edge_training.ports.validations import PROFILE_PATH
from edge_training.validation_files import worst_drift


@dataclass(frozen=True)
class Lineage:
    """Where a model comes from; each field becomes a tag of its version. A field that an earlier release did
    not know when it handed on its part of the run is empty, and no tag.

    Attributes:
        data_digest: SHA-256 of the manifest.
        partition: The partition's key.
        window: The first and the last day it was trained on, such as `2013-01-18/2013-01-31`.
        contract_digest: SHA-256 of the data contract.
        contract_result: How many of its rules passed, warned, failed or were not checked, JSON.
        validation_run_id: The registry's run that holds the report on the data.
        profile_digest: SHA-256 of the profile of the data.
        profile_path: Where it is, among the files of the version's run and of the validation's.
        drift: How far the data is from the champion's: `champion` (its version), and by measure how far and
            in which column the worst is, JSON; `{}` when nothing was compared.
        training_image: Training runtime by digest.
        code_digest: SHA-256 of the training code.
        git_commit: Commit of the checkout, or `unknown`.
        params: The script's parameters, JSON.
        seed: The seed of all randomness.
        training_seconds: How long the training's last start took.
        peak_memory_bytes: The most memory that one process of the script had.
        container_peak_memory_bytes: The most that its container had, cached files included.
        site: Name of the site.
        site_hardware: What its VM has, see `edge_runner.hardware`, JSON.
        dag_id: The DAG.
        run_id: Its run.
    """

    data_digest: str
    partition: str
    window: str
    contract_digest: str
    contract_result: str
    validation_run_id: str
    profile_digest: str
    profile_path: str
    drift: str
    training_image: str
    code_digest: str
    git_commit: str
    params: str
    seed: str
    training_seconds: str
    peak_memory_bytes: str
    container_peak_memory_bytes: str
    site: str
    site_hardware: str
    dag_id: str
    run_id: str

    def tags(self) -> dict[str, str]:
        """What a version says of it."""
        return {name: value for name, value in asdict(self).items() if value}


@dataclass(frozen=True)
class Asked:
    """Who asked for a model; the fields are those of `Lineage`."""

    partition: str
    site: str
    git_commit: str
    dag_id: str
    run_id: str


def lineage_of(
    asked: Asked,
    snapshot: Mapping[str, Any],
    validation: Mapping[str, Any],
    training: Mapping[str, Any],
    ignore: Collection[str],
) -> Lineage:
    """The lineage of one run's model.

    Args:
        asked: Who asked for it.
        snapshot: What snapshot_data handed on.
        validation: What validate_data handed on.
        training: What train_model handed on.
        ignore: Columns whose drift says nothing.
    """
    return Lineage(
        **asdict(asked),
        data_digest=snapshot["data_digest"],
        window=snapshot["window"],
        contract_digest=validation["contract_digest"],
        contract_result=as_json(Counter(rule["outcome"] for rule in validation["rules"])),
        validation_run_id=validation["validation_run_id"],
        profile_digest=_digest_of(PROFILE_NAME, validation["report"]),
        profile_path=PROFILE_PATH,
        drift=as_json(drift_from(validation, ignore)),
        training_image=training["training_image"],
        code_digest=training["code_digest"],
        params=as_json(training["params"]),
        seed=str(training["seed"]),
        training_seconds=str(training["seconds"]),
        peak_memory_bytes=str(training["peak_memory_bytes"]),
        container_peak_memory_bytes=str(training.get("container_peak_memory_bytes") or ""),
        site_hardware=as_json(training["hardware"]) if "hardware" in training else "",
    )


def drift_from(validation: Mapping[str, Any], ignore: Collection[str]) -> dict[str, Any]:
    """How far the data is from the champion's; empty when nothing was compared."""
    worst = worst_drift(validation, ignore)
    if not worst:
        return {}
    found: dict[str, Any] = {"champion": validation.get("champion_version", "")}
    for measure, (column, value) in worst.items():
        found |= {measure: value, f"{measure}_column": column}
    return found


def as_json(value: Mapping[str, Any]) -> str:
    """A tag that machines read as well."""
    return canonical_json(dict(value)).decode()


def _digest_of(name: str, files: Sequence[Mapping[str, Any]]) -> str:
    return next((file["sha256"] for file in files if file["path"] == name), "")
