"""The port to a model registry: every training is registered once, complete or not at all.

A version is found by its `training_key`. It is finished when it carries the tag `state`, which is written
last and says whether the model may serve; a version without it was left by a crash, and the next `register`
completes it. Calls are synchronous and safe to repeat.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from edge_training.bundle import Metric

STATE_TAG: Final = "state"
STATE_REGISTERED: Final = "registered"
STATE_REJECTED: Final = "rejected"
VERDICT_TAG: Final = "verdict"
"""What the gates have found, in words; see `verdict.py`."""
TRAINING_KEY_TAG: Final = "training_key"
BUNDLE_DIGEST_TAG: Final = "bundle_digest"
CHAMPION_ALIAS: Final = "champion"


@dataclass(frozen=True)
class Registration:
    """What is to be registered.

    Attributes:
        name: The model's name.
        training_key: The identity of the training, see `identity.training_key`.
        bundle: The stored bundle, see `bundle.receive`.
        tags: Lineage; written to the version and to its run.
        metrics: Curves of the training and the figures of the evaluation.
        params: Parameters of the training script.
        run_tags: What the script itself wants its run to be marked with; ours come before them.
        attachments: Small files that go with the version beside the bundle, by path.
        description: One sentence for people.
        card: Path of the attachment that tells people all of it; the version's description links to it.
        state: What the version's tag `state` says in the end: `registered`, or `rejected` for a model that
            has failed a gate and may not serve.
    """

    name: str
    training_key: str
    bundle: Path
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Sequence[Metric] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    run_tags: Mapping[str, str] = field(default_factory=dict)
    attachments: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    description: str = ""
    card: str = ""
    state: str = STATE_REGISTERED


@dataclass(frozen=True)
class ModelVersion:
    """A version as the registry has it.

    Attributes:
        name: The model's name.
        version: Its number, as text.
        tags: All tags of the version.
        run_id: The run that holds metrics, parameters and the bundle's files.
        source: Where the registry keeps the model directory.
        description: What people read of it, Markdown.
    """

    name: str
    version: str
    tags: Mapping[str, str]
    run_id: str
    source: str
    description: str = ""


class ModelRegistry(Protocol):
    """A model registry.

    Every call may raise `ModelRegistryUnavailable` (try again) or `ModelRegistryRefused` (do not).
    """

    def find(self, name: str, training_key: str) -> ModelVersion | None:
        """The finished version of a training, or None when there is none."""

    def get(self, name: str, version: str) -> ModelVersion | None:
        """A version by its number, finished or not, or None when there is none."""

    def search(self, name: str = "", tags: Mapping[str, str] | None = None) -> list[ModelVersion]:
        """The versions of a model, or of all models, that have all of these tags, finished or not, ordered by
        name and number.
        """

    def register(self, registration: Registration) -> ModelVersion:
        """The one finished version of this training: found, completed or made.

        A finished version is returned as it is, also when this bundle has other bytes: the first one counts.
        But when its state is another one, for its gates were changed, it gets the new state, tags and
        attachments, and is unfinished meanwhile.
        The version's run is the one that `RunTracker` wrote to; the points it has are not written again.
        """

    def set_tags(self, version: ModelVersion, tags: Mapping[str, str]) -> ModelVersion:
        """Write tags of a version; the others stay. Gives the version as it is now."""

    def champion(self, name: str) -> ModelVersion | None:
        """The version preferred for serving, or None when there is none yet."""

    def promote(self, version: ModelVersion) -> None:
        """Make this version the champion, in one step."""

    def attached(self, version: ModelVersion, path: str) -> bytes | None:
        """A file that goes with a version beside its bundle, or None when it has none of this path."""

    def fetch(self, version: ModelVersion, store: Path) -> Path:
        """The version's bundle in a worker's store: the bytes that were registered, verified by their digest.

        Returns:
            The path of `<bundle digest>.tar`.
        """
