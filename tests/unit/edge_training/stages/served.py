"""A model whose versions have served one after the other, a day each."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from tests import bundles
from tests.fakes.model_registry import InMemoryModelRegistry

from edge_training.deployments import Change, Place, Request
from edge_training.ports.model_registry import Registration
from edge_training.stages.promote import promote

PLACE = Place("edge_site", "edge-service-delay", 18890)
MIDNIGHT, NIGHT, MORNING = 0, 3, 8
"""When a run is asked for, when it has ended, and when somebody comes who goes back."""


def image(version: str) -> str:
    """The serving image of a version."""
    return f"host/edge/delay@sha256:{version * 64}"


def moment(day: int, hour: int) -> datetime:
    """An hour of a day in February."""
    return datetime(2013, 2, day, hour, tzinfo=UTC)


def request(day: int, hour: int = MIDNIGHT, user: str = "") -> Request:
    """A run of the deploy DAG that was asked for then."""
    return Request.of("deploy_delay", f"run-{day}-{hour}", moment(day, hour), user)


def trained(store: Path, count: int) -> InMemoryModelRegistry:
    """Versions 1, 2 and so on of the partitions of the first days."""
    models, bundle = InMemoryModelRegistry(), bundles.stored(store)
    for number in range(1, count + 1):
        tags = {
            "partition": f"2013-02-{number:02}",
            "dag_id": "train_delay",
            "run_id": f"night-{number}",
            "image": image(str(number)),
        }
        models.register(Registration("delay", f"{number}" * 64, bundle, tags))
    return models


PROMOTION_CALLS = range(12)
"""How many calls to the registry a worker that promotes makes before it dies; the last one does not die."""


def serve(
    models: InMemoryModelRegistry, version: str, by: Request, at: datetime, is_rollback: bool = False
) -> None:
    """Let a version serve from then on."""
    promote(models, "delay", PLACE, at, Change(by, version, is_rollback))


def served_in_turn(store: Path, count: int) -> InMemoryModelRegistry:
    """Each version was deployed in the night of its day; the last one is the champion."""
    models = trained(store, count)
    for number in range(1, count + 1):
        serve(models, str(number), request(number), moment(number, NIGHT))
    return models


def given_up(models: InMemoryModelRegistry, version: str, for_version: str, day: int) -> None:
    """Somebody has gone back from a version in the morning of a day."""
    champion = models.champion("delay")
    assert champion is not None
    assert champion.version == version
    serve(models, for_version, request(day, MORNING, "ada"), moment(day, MORNING), is_rollback=True)
