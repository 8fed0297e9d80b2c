"""What somebody asks for, a version, an image or a partition, and the versions that answer it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from edge_training import partitions
from edge_training.errors import BadRequest
from edge_training.lineage.chain import LINKS, values
from edge_training.ports.model_registry import CHAMPION_ALIAS, ModelRegistry, ModelVersion
from edge_training.stages.push import IMAGE_DIGEST_TAG

_DAY = re.compile(r"\d{4}-\d\d?-\d\d?")
_IMAGE = re.compile(r"(?:.+@)?(sha256:[0-9a-f]{64})")
_VERSION = re.compile(rf"(?!sha256:)([^:@]+):([0-9]+|{CHAMPION_ALIAS})")
EXAMPLES = f"flight_delay:3, flight_delay:{CHAMPION_ALIAS}, sha256:... with 64 digits, or 2013-02-01"


@dataclass(frozen=True)
class Answer:
    """A version that answers.

    Attributes:
        version: The version.
        is_champion: Whether it is preferred for serving now.
        use: What the version made of the partition that was asked for: `evaluated on` or `trained on` it;
            empty when something else was asked for.
    """

    version: ModelVersion
    is_champion: bool
    use: str = ""

    def for_machines(self) -> dict[str, Any]:
        """All of it as JSON takes it."""
        found = self.version
        return {
            "name": found.name,
            "version": found.version,
            "is_champion": self.is_champion,
            "use": self.use,
            "registry_run_id": found.run_id,
            "description": found.description,
            **{link: values(link, found.tags) for link in LINKS},
        }


def answers(registry: ModelRegistry, asked: str) -> list[Answer]:
    """The versions that a question is about.

    Args:
        registry: Who knows them.
        asked: `<model>:<version>`, `<model>:champion`, an image by its digest, or a partition.

    Raises:
        BadRequest: It is none of these, or there is nothing of the kind.
    """
    if _DAY.fullmatch(asked):
        return _of_partition(registry, _day(asked))
    if image := _IMAGE.fullmatch(asked):
        return _with_champions(registry, _of_image(registry, image[1]))
    if version := _VERSION.fullmatch(asked):
        return _with_champions(registry, [_version(registry, *version.groups())])
    raise BadRequest(
        f"{asked!r} is no model version, image digest or partition; ask for one like {EXAMPLES}."
    )


def _version(registry: ModelRegistry, name: str, number: str) -> ModelVersion:
    if number == CHAMPION_ALIAS:
        champion = registry.champion(name)
        if champion is None:
            raise BadRequest(f"{name} has no champion; {_what_there_is(registry, name)}.")
        return champion
    found = registry.get(name, number)
    if found is None:
        raise BadRequest(f"The registry has no version {number} of {name}; {_what_there_is(registry, name)}.")
    return found


def _what_there_is(registry: ModelRegistry, name: str) -> str:
    numbers = [version.version for version in registry.search(name)]
    if numbers:
        return f"ask for one of {name}:{', '.join(numbers[-10:])}"
    names = sorted({version.name for version in registry.search()})
    return f"its models are {', '.join(names)}" if names else "it has no model yet, train one"


def _of_image(registry: ModelRegistry, digest: str) -> list[ModelVersion]:
    found = registry.search(tags={IMAGE_DIGEST_TAG: digest})
    if not found:
        raise BadRequest(
            f"No version has the image {digest}; give the digest of an image that push_image has tagged, "
            "as its task hands it on."
        )
    return found


def _day(asked: str) -> str:
    try:
        return partitions.parse(asked).isoformat()
    except BadRequest:
        raise BadRequest(f"{asked!r} is no day; ask for one like {partitions.EXAMPLE}.") from None


def _of_partition(registry: ModelRegistry, day: str) -> list[Answer]:
    """Every version that was evaluated on a partition or trained on it."""
    uses = [(version, use) for version in registry.search() if (use := _use(version.tags, day))]
    if not uses:
        raise BadRequest(
            f"No version was trained or evaluated on {day}; start the training DAG for it, or ask for "
            "another day."
        )
    answered = _with_champions(registry, [version for version, _ in uses])
    return [
        Answer(found.version, found.is_champion, use) for found, (_, use) in zip(answered, uses, strict=True)
    ]


def _use(tags: Mapping[str, str], day: str) -> str:
    if tags.get("partition") == day:
        return "evaluated on"
    return "trained on" if partitions.is_within(day, tags.get("window", "")) else ""


def _with_champions(registry: ModelRegistry, versions: Iterable[ModelVersion]) -> list[Answer]:
    champions: dict[str, ModelVersion | None] = {}
    found = []
    for version in versions:
        if version.name not in champions:
            champions[version.name] = registry.champion(version.name)
        champion = champions[version.name]
        found.append(Answer(version, champion is not None and champion.version == version.version))
    return found
