"""The model card of one version, made of what register_model writes: the card knows nothing of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from edge_runner.listing import REPORT_NAME
from edge_runner.profiles.drift_table import column_verdicts, thresholds_text
from edge_training.bundle import Metric
from edge_training.lineage.chain import Field, facts, number
from edge_training.model_card import markdown, page
from edge_training.model_card.sections import Card, Section
from edge_training.model_card.tables import drift_table, gate_table, slice_table
from edge_training.ports.validations import FILES_PATH, PROFILE_PATH
from edge_training.validation_files import read_document

CARD_PATH: Final = "card/model_card.html"
MARKDOWN_PATH: Final = "card/model_card.md"
REPORT_PATH: Final = f"{FILES_PATH}/{REPORT_NAME}"


def model_card(
    name: str, tags: Mapping[str, str], curves: Sequence[Metric], attachments: Mapping[str, bytes]
) -> dict[str, bytes]:
    """The card as Markdown and as a page, by path.

    Args:
        name: The model's name.
        tags: What the version says of itself.
        curves: Metrics of the training, point by point.
        attachments: The version's other files; the profile of the data is drawn, its drift is told.
    """
    drift = _drift(attachments)
    card = Card(
        title=f"{name} of {tags['partition']}",
        verdict=tags["verdict"],
        is_accepted=all(gate["passed"] for gate in _gates(tags)),
        sections=[
            Section("Evaluation", f"on {tags['partition']}", _metrics(tags), gate_table(_gates(tags))),
            Section("Slices", "groups of the holdout", table=slice_table(_slices(tags), _gates(tags))),
            Section("Training", f"at {tags['site']}", facts("training", tags)),
            Section("Metrics of the training", "their last values", _last_values(curves)),
            Section("Data", f"{tags['window']} to train on", facts("data", tags)),
            Section("Drift", thresholds_text(drift["thresholds"]), table=drift_table(drift)),
        ],
        curves=_curves(curves),
        profile=read_document(attachments.get(PROFILE_PATH, b"")),
        drift=column_verdicts(drift),
    )
    return {CARD_PATH: page.drawn(card).encode(), MARKDOWN_PATH: markdown.written(card).encode()}


def _gates(tags: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
    return list(Field("gates", "Gates", is_json=True).value(tags))


def _metrics(tags: Mapping[str, str]) -> list[tuple[str, str]]:
    measured = Field("metrics", "Metrics", is_json=True).value(tags)
    return [(metric, number(value)) for metric, value in sorted(measured.items())]


def _slices(tags: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
    return list(Field("slices", "Slices", is_json=True).value(tags) or [])


def _drift(attachments: Mapping[str, bytes]) -> Mapping[str, Any]:
    """How far the data is from the champion's; nothing where it was not compared or there is no report."""
    report = read_document(attachments.get(REPORT_PATH, b"")) or {}
    found: Mapping[str, Any] = report.get("drift") or {"thresholds": {}, "splits": {}}
    return found


def _curves(curves: Sequence[Metric]) -> dict[str, list[tuple[int, float]]]:
    """Points by metric, in order of their steps; of points with the same step the last one counts."""
    found: dict[str, dict[int, float]] = {}
    for point in curves:
        found.setdefault(point.name, {})[point.step] = point.value
    return {name: sorted(points.items()) for name, points in sorted(found.items())}


def _last_values(curves: Sequence[Metric]) -> list[tuple[str, str]]:
    last = ((name, *points[-1]) for name, points in _curves(curves).items())
    return [(name, f"{number(value)} at step {step}") for name, step, value in last]
