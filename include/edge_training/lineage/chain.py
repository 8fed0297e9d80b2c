"""A model version as a chain: data, training, model, image, deployment, each a few facts from its tags."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from edge_training import deployments
from edge_training.ports.model_registry import BUNDLE_DIGEST_TAG, STATE_TAG, TRAINING_KEY_TAG
from edge_training.stages.preflight import size


@dataclass(frozen=True)
class Field:
    """A tag as people read it.

    Attributes:
        tag: Its name.
        label: What it is called.
        text: The value in words; an empty text leaves the fact out.
        is_json: Whether the tag holds JSON.
    """

    tag: str
    label: str
    text: Callable[[Any], str] = str
    is_json: bool = False

    def value(self, tags: Mapping[str, str]) -> Any:
        """What the tag holds, as text where it should be JSON and is not; None where there is no such tag."""
        told = tags.get(self.tag)
        if told is None or not self.is_json:
            return told
        try:
            return json.loads(told)
        except ValueError:
            return told

    def said(self, tags: Mapping[str, str]) -> str:
        """The value in words, or as it stands there when it makes no sense; empty where there is none."""
        value = self.value(tags)
        if value is None:
            return ""
        try:
            return self.text(value)
        except (AttributeError, KeyError, TypeError, ValueError):
            return str(value)


def number(value: Any) -> str:
    """A number with six digits."""
    return f"{float(value):.6g}"


def _seconds(value: Any) -> str:
    return f"{float(value):.1f} s"


def _bytes(value: Any) -> str:
    return size(int(value))


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {number(value)}" for name, value in values.items())


def _settings(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={json.dumps(value)}" for name, value in values.items()) or "none"


def _rules(counts: Mapping[str, int]) -> str:
    said = [f"{counts[name]} {name.replace('_', ' ')}" for name in sorted(counts)]
    return f"{', '.join(said)} of {sum(counts.values())} rules"


def _drift(drift: Mapping[str, Any]) -> str:
    if not drift:
        return "not compared"
    worst = [
        f"{measure.upper()} {number(drift[measure])} in {drift[f'{measure}_column']}"
        for measure in ("psi", "js")
        if measure in drift
    ]
    champion = f"version {drift['champion']}" if drift["champion"] else "the champion"
    return f"worst from {champion}: {', '.join(worst)}"


def _slices(told: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"{one['metric']} by {one['slice']} in {len(one['groups'])} groups" for one in told)


def _hardware(told: Mapping[str, Any]) -> str:
    cpus = f"{told['cpus']} CPUs" + (f" ({told['cpu_model']})" if told["cpu_model"] else "")
    memory = f"{size(told['memory_bytes'])} of memory" if told["memory_bytes"] else ""
    gpus = ", ".join(told["gpus"]) or "no GPU"
    return ", ".join(part for part in (cpus, memory, gpus) if part)


def _periods(told: Any) -> str:
    found = deployments.periods({deployments.DEPLOYMENTS_TAG: json.dumps(told)})
    return "; ".join(_period(one) for one in found)


def _period(period: deployments.Period) -> str:
    place = period.place
    time = f"{period.since} to {period.until}" if period.until else f"since {period.since}"
    said = [f"{place.service} on port {place.host_port} of {place.site}", time]
    if period.began.is_rollback:
        said.append(f"put back by {period.began.by_whom}")
    if period.ended.is_rollback:
        said.append(f"given up for version {period.ended.version} by {period.ended.by_whom}")
    return ", ".join(said)


LINKS: Final[Mapping[str, Sequence[Field]]] = {
    "data": (
        Field("partition", "Partition"),
        Field("window", "Window before it"),
        Field("data_digest", "Manifest"),
        Field("contract_result", "Contract", _rules, is_json=True),
        Field("contract_digest", "Contract digest"),
        Field("drift", "Drift", _drift, is_json=True),
        Field("validation_run_id", "Report in run"),
        Field("profile_digest", "Profile"),
        Field("profile_path", "Profile in file"),
    ),
    "training": (
        Field(TRAINING_KEY_TAG, "Training key"),
        Field("site", "Site"),
        Field("site_hardware", "Hardware", _hardware, is_json=True),
        Field("dag_id", "DAG"),
        Field("run_id", "DAG run"),
        Field("git_commit", "Commit"),
        Field("code_digest", "Code"),
        Field("training_image", "Image"),
        Field("params", "Parameters", _settings, is_json=True),
        Field("seed", "Seed"),
        Field("training_seconds", "Time", _seconds),
        Field("peak_memory_bytes", "Peak memory", _bytes),
        Field("container_peak_memory_bytes", "Peak of container", _bytes),
    ),
    "model": (
        Field(STATE_TAG, "State"),
        Field("verdict", "Verdict"),
        Field("metrics", "Metrics", _pairs, is_json=True),
        Field("slices", "Slices", _slices, is_json=True),
        Field("champion_before", "Champion before"),
        Field(BUNDLE_DIGEST_TAG, "Bundle"),
    ),
    "image": (
        Field("image_digest", "Digest"),
        Field("image_tag", "Tag"),
        Field("image", "Reference"),
    ),
    "deployment": (Field(deployments.DEPLOYMENTS_TAG, "Served", _periods, is_json=True),),
}
"""In the order in which one makes the next."""


def facts(link: str, tags: Mapping[str, str]) -> list[tuple[str, str]]:
    """What a version's tags say of one link: labels and words."""
    return [(field.label, said) for field in LINKS[link] if (said := field.said(tags))]


def values(link: str, tags: Mapping[str, str]) -> dict[str, Any]:
    """What a version's tags say of one link, for machines."""
    return {field.tag: value for field in LINKS[link] if (value := field.value(tags)) is not None}
