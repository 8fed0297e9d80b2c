"""The champion moves on a real MLflow server, with its history; a worker may die before any of its calls."""

from __future__ import annotations

import uuid
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from tests import bundles
from tests.mlflow_faults import Crash, FaultySession, crash

from edge_training.adapters.mlflow.registry import MlflowRegistry
from edge_training.adapters.mlflow.session import MlflowSession
from edge_training.deployments import Change, Place, Request, line, periods
from edge_training.ports.model_registry import ModelRegistry, Registration
from edge_training.stages import decide
from edge_training.stages.decide import PREVIOUS
from edge_training.stages.promote import promote

PLACE = Place("edge_site", "edge-service-delay", 18890)
CALLS = range(22)
"""At least as many as a promotion makes."""


def at(hour: int) -> datetime:
    return datetime(2013, 2, 4, hour, tzinfo=UTC)


def request(hour: int, user: str = "") -> Request:
    return Request.of("deploy_delay", f"run-{hour}", at(hour), user)


@pytest.fixture
def served(site, tmp_path) -> tuple[ModelRegistry, str]:
    """A model of which version 1 has served and version 2 is the champion."""
    models, name = MlflowRegistry(MlflowSession(site.mlflow_url)), f"served-{uuid.uuid4().hex[:12]}"
    bundle = bundles.stored(tmp_path)
    for hour, key in ((1, "1"), (2, "2")):
        tags = {"partition": f"2013-02-0{hour}", "image": f"host/edge/delay@sha256:{key * 64}"}
        models.register(Registration(name, key * 64, bundle, tags))
        promote(models, name, PLACE, at(hour), Change(request(hour), key))
    return models, name


def go_back(models: ModelRegistry, name: str) -> None:
    """One run, from its decision to its end."""
    by = request(3, "ada")
    decision = decide.by_hand(models, name, PREVIOUS, by, print)
    promote(models, name, PLACE, at(3), decision.change(by))


@pytest.mark.parametrize("call", CALLS)
def test_a_worker_that_dies_while_it_goes_back_has_its_work_completed(site, served, call):
    models, name = served
    session = FaultySession(site.mlflow_url, call, crash)
    with suppress(Crash):
        go_back(MlflowRegistry(session), name)
    assert call < CALLS[-1] or len(session.calls) <= call

    go_back(models, name)

    champion, versions = models.champion(name), models.search(name)
    assert champion is not None
    assert (champion.version, line(versions)) == ("1", ["1"])
    first, second = (periods(version.tags) for version in versions)
    back = Change(request(3, "ada"), "1", is_rollback=True)
    assert [(one.until, one.began) for one in first[1:]] == [("", back)]
    assert [one.ended for one in second] == [back]
