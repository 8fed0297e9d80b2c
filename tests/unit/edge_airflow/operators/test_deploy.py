"""The deploy DAG's tasks one after the other: after a training, or for somebody who goes back."""

from __future__ import annotations

import json
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from tests.fakes.crashing import Crash, Crashing
from tests.fakes.edge_host import InMemoryEdgeHost
from tests.fakes.model_registry import InMemoryModelRegistry
from tests.unit.edge_training.stages.served import MIDNIGHT, MORNING, image, moment, trained

from edge_airflow.hooks.registries import ModelRegistryHook
from edge_airflow.hooks.site import SiteHook
from edge_airflow.operators import deploy
from edge_airflow.operators.deploy import (
    DecideRolloutOperator,
    PromoteChampionOperator,
    RollOutOperator,
    latest_event,
)
from edge_training.deployments import periods
from edge_training.errors import BadRequest, ImageMissing

IMAGE, SERVICE = Asset("delay_image"), "edge-service-delay"
PORT = 18890


class Site(InMemoryEdgeHost):
    """A site on which the services of some images end at once."""

    dead: frozenset[str] | set[str] = frozenset()

    async def run_service(self, spec):
        state = await super().run_service(spec)
        if state.image in self.dead:
            self.containers[spec.name].end(1)
        return state


class World:
    """A site, a model registry, and the deploy DAG over them; a run's tasks hand on as Airflow does."""

    def __init__(self, models: InMemoryModelRegistry, host: InMemoryEdgeHost) -> None:
        self.models, self.host = models, host
        self.now = moment(1, MIDNIGHT)

    def nightly(self, day: int, deploy: str = "newer") -> None:
        """The run that the training of a day has started, to its end."""
        self.run(self.event(day, deploy), "")

    def event(self, day: int, deploy: str = "newer") -> dict:
        """What Airflow tells the tasks of such a run."""
        extra = {"model_name": "delay", "model_version": str(day), "image": image(str(day)), "deploy": deploy}
        extra["partition"] = f"2013-02-{day:02}"
        return context(day, MIDNIGHT, [SimpleNamespace(extra=extra)])

    def by_hand(self, version: str, day: int, hour: int = MORNING) -> None:
        """A run that somebody has started, to its end."""
        self.run(context(day, hour, [], "ada"), version)

    def run(self, known: dict, version: str) -> None:
        """A run to its end, at once."""
        self.now = known["dag_run"].run_after
        decision = self.decide(known, version)
        self.promote(known, self.roll_out(known, decision))

    def decide(self, known: dict, version: str) -> dict:
        task = DecideRolloutOperator(
            task_id="decide_rollout", model_name="delay", image=IMAGE, version=version
        )
        return handed_on(task.execute(known))

    def roll_out(self, known: dict, decision: dict) -> dict:
        task = RollOutOperator(task_id="roll_out", decision=decision, host_port=PORT)
        return handed_on(task.execute(known))

    def promote(self, known: dict, service: dict) -> None:
        PromoteChampionOperator(task_id="promote_champion", service=service).execute(known)

    def state(self) -> tuple[str, str, list[str]]:
        """The champion; the image that serves; which versions say that they serve."""
        champion = self.models.champion("delay")
        serving = [
            version.version
            for version in self.models.search("delay")
            if [one for one in periods(version.tags) if not one.until]
        ]
        running = [one.spec.image for one in self.host.containers.values() if one.status == "running"]
        return champion.version, "".join(running), serving


def context(day: int, hour: int, events: list, user: str | None = None) -> dict:
    run = SimpleNamespace(
        dag_id="deploy_delay",
        run_id=f"run-{day}-{hour}",
        run_after=moment(day, hour),
        triggering_user_name=user,
    )
    return {"dag_run": run, "triggering_asset_events": {IMAGE: events}}


def handed_on(value: dict) -> dict:
    """The value as the next task gets it."""
    return json.loads(json.dumps(value))


@pytest.fixture
def world(tmp_path, monkeypatch) -> World:
    """Versions 1 to 4 are trained, none serves."""
    images = {image(str(number)) for number in range(1, 5)}
    host = Site(set(), pullable=images)
    host.healthy = images
    found = World(trained(tmp_path, 4), host)
    registry = {"conn_type": "http", "host": "registry.invalid", "login": "edge", "password": "pw"}
    monkeypatch.setenv("AIRFLOW_CONN_EDGE_REGISTRY", json.dumps(registry))
    monkeypatch.setattr(ModelRegistryHook, "client", lambda _: found.models)
    monkeypatch.setattr(SiteHook, "connect", lambda _: nullcontext(found.host))
    monkeypatch.setattr(PromoteChampionOperator, "now", lambda _: found.now)
    return found


def test_a_training_lets_its_version_serve_and_the_history_says_by_which_run(world):
    world.nightly(1)
    world.nightly(2)

    assert world.state() == ("2", image("2"), ["2"])
    (first,), (second,) = (periods(world.models.get("delay", version).tags) for version in "12")
    assert first.ended == second.began
    assert (second.began.request.run, second.began.is_rollback) == ("deploy_delay/run-2-0", False)
    assert (second.place.site, second.place.service, second.place.host_port) == ("edge_site", SERVICE, PORT)


def test_going_back_is_one_run_that_says_who_and_a_new_training_goes_on_from_there(world):
    for day in (1, 2, 3):
        world.nightly(day)

    world.by_hand("previous", day=3, hour=8)
    assert world.state() == ("2", image("2"), ["2"])
    gone = periods(world.models.get("delay", "3").tags)[-1].ended
    assert (gone.by_whom, gone.version, gone.is_rollback) == ("ada in deploy_delay/run-3-8", "2", True)

    world.by_hand("previous", day=3, hour=9)
    assert world.state() == ("1", image("1"), ["1"])

    world.nightly(4)
    assert world.state() == ("4", image("4"), ["4"])
    world.by_hand("previous", day=4)
    assert world.state() == ("1", image("1"), ["1"])


CALLS = range(30)
"""At least as many as a roll back makes, to site and registry each."""


@pytest.mark.parametrize("calls", CALLS)
@pytest.mark.parametrize("part", ["models", "host"])
def test_a_roll_back_that_died_between_any_two_calls_is_completed_when_it_is_repeated(world, part, calls):
    """The whole run is cleared, so it decides again."""
    for day in (1, 2):
        world.nightly(day)
    whole = getattr(world, part)
    setattr(world, part, Crashing(whole, calls))
    crashed = False
    try:
        world.by_hand("previous", day=2)
    except Crash:
        crashed = True
    setattr(world, part, whole)
    assert world.models.champion("delay").version in ("1", "2")

    world.by_hand("previous", day=2)

    assert world.state() == ("1", image("1"), ["1"])
    assert set(world.host.containers) == {SERVICE}
    assert not (crashed and calls == CALLS[-1])


def test_a_cleared_task_of_an_old_run_changes_neither_service_nor_champion(world):
    known = world.event(1)
    world.run(known, "")
    decision = world.decide(known, "")
    world.nightly(2)
    before = world.state(), world.models.search("delay")

    service = {"decision": decision, "place": {"site": "edge_site", "service": SERVICE, "host_port": PORT}}
    for clear in (lambda: world.roll_out(known, decision), lambda: world.promote(known, service)):
        with pytest.raises(
            AirflowFailException, match="BadRequest: The champion, version 2 of delay, was asked"
        ):
            clear()

    assert (world.state(), world.models.search("delay")) == before


def test_a_cleared_run_of_a_training_is_skipped_when_somebody_has_gone_back_since(world):
    for day in (1, 2):
        world.nightly(day)
    world.by_hand("previous", day=2)

    with pytest.raises(AirflowSkipException, match="Version 2 of delay was given up by ada"):
        world.nightly(2, deploy="always")
    assert world.state() == ("1", image("1"), ["1"])


def test_a_roll_back_whose_image_is_lost_changes_nothing_and_names_the_run_that_makes_it_again(world):
    for day in (1, 2):
        world.nightly(day)
    world.host.images.discard(image("1"))
    world.host.pullable.discard(image("1"))

    with pytest.raises(
        AirflowFailException, match="what follows in train_delay/night-1, which makes it"
    ) as caught:
        world.by_hand("previous", day=2)
    assert str(caught.value).startswith(ImageMissing.__name__)
    assert world.state() == ("2", image("2"), ["2"])


def test_a_roll_back_to_what_is_not_healthy_any_more_keeps_the_champion(world):
    for day in (1, 2):
        world.nightly(day)
    world.host.dead = {image("1")}

    with pytest.raises(AirflowFailException, match=r"RolloutFailed: .* what served before serves on"):
        world.by_hand("previous", day=2)
    assert world.state() == ("2", image("2"), ["2"])


def test_going_back_from_a_service_that_never_became_the_champion_is_refused(world):
    """The promotion of version 3 has failed; its run has put it into service before."""
    for day in (1, 2):
        world.nightly(day)
    known = world.event(3)
    world.roll_out(known, world.decide(known, ""))

    with pytest.raises(AirflowFailException, match="serves version 3, which is not the champion"):
        world.by_hand("previous", day=3)
    world.by_hand("2", day=3)
    assert world.state() == ("2", image("2"), ["2"])


def test_a_deployment_follows_the_newest_event():
    fields = dict.fromkeys(deploy.EVENT_FIELDS, "") | {"model_name": "delay"}
    events = [SimpleNamespace(extra=fields | {"model_version": number}) for number in ("3", "4")]
    assert latest_event({"triggering_asset_events": {IMAGE: events}}, IMAGE, "delay")["model_version"] == "4"


@pytest.mark.parametrize("events", [{}, {IMAGE: []}, {IMAGE: [SimpleNamespace(extra={})]}])
def test_a_deployment_that_was_started_without_anything_names_the_remedy(events):
    with pytest.raises(BadRequest, match="start it with version=previous to put back what served before"):
        latest_event({"triggering_asset_events": events}, IMAGE, "delay")


def test_a_deployment_of_another_models_image_is_refused():
    """Copied, and half renamed."""
    event = SimpleNamespace(extra=dict.fromkeys(deploy.EVENT_FIELDS, "fare"))
    with pytest.raises(BadRequest, match="delay_image is an image of fare, and this DAG deploys delay"):
        latest_event({"triggering_asset_events": {IMAGE: [event]}}, IMAGE, "delay")
