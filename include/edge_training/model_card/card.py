"""The model card of one version, made of what register_model writes: the card knows nothing of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from edge_training import verdict
from edge_training.bundle import Metric
from edge_training.lineage.chain import Field, facts, number
from edge_training.model_card import markdown, page
from edge_training.model_card.sections import Card, Section, Table
from edge_training.ports.validations import PROFILE_PATH
from edge_training.validation_files import read_document

CARD_PATH: Final = "card/model_card.html"
MARKDOWN_PATH: Final = "card/model_card.md"


def model_card(
    name: str, tags: Mapping[str, str], curves: Sequence[Metric], attachments: Mapping[str, bytes]
) -> dict[str, bytes]:
    """The card as Markdown and as a page, by path.

    Args:
        name: The model's name.
        tags: What the version says of itself.
        curves: Metrics of the training, point by point.
        attachments: The version's other files; the profile of the data is drawn.
    """
    card = Card(
        title=f"{name} of {tags['partition']}",
        verdict=tags["verdict"],
        is_accepted=all(gate["passed"] for gate in _gates(tags)),
        sections=[
            Section("Evaluation", f"on {tags['partition']}", _metrics(tags), _gate_table(tags)),
            Section("Training", f"at {tags['site']}", facts("training", tags)),
            Section("Metrics of the training", "their last values", _last_values(curves)),
            Section("Data", f"{tags['window']} to train on", facts("data", tags)),
        ],
        curves=_curves(curves),
        profile=read_document(attachments.get(PROFILE_PATH, b"")),
    )
    return {CARD_PATH: page.drawn(card).encode(), MARKDOWN_PATH: markdown.written(card).encode()}


def _gates(tags: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
    return list(Field("gates", "Gates", is_json=True).value(tags))


def _metrics(tags: Mapping[str, str]) -> list[tuple[str, str]]:
    measured = Field("metrics", "Metrics", is_json=True).value(tags)
    return [(metric, number(value)) for metric, value in sorted(measured.items())]


def _gate_table(tags: Mapping[str, str]) -> Table:
    rows = [("passed" if gate["passed"] else "failed", verdict.sentence(gate)) for gate in _gates(tags)]
    return Table(("Verdict", "Gate"), rows)


def _curves(curves: Sequence[Metric]) -> dict[str, list[tuple[int, float]]]:
    """Points by metric, in order of their steps; of points with the same step the last one counts."""
    found: dict[str, dict[int, float]] = {}
    for point in curves:
        found.setdefault(point.name, {})[point.step] = point.value
    return {name: sorted(points.items()) for name, points in sorted(found.items())}


def _last_values(curves: Sequence[Metric]) -> list[tuple[str, str]]:
    last = ((name, *points[-1]) for name, points in _curves(curves).items())
    return [(name, f"{number(value)} at step {step}") for name, step, value in last]
