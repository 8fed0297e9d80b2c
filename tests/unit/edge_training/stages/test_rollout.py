"""Exactly one service, whatever happens: bad images, crashes between any two calls, hands in between."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests import bundles
from tests.fakes.edge_host import Crash, CrashingHost, InMemoryEdgeHost
from tests.fakes.model_registry import InMemoryModelRegistry

from edge_training.deployments import Period, Place, periods
from edge_training.errors import (
    BadRequest,
    EdgeError,
    ImageMissing,
    ModelRegistryRefused,
    RolloutFailed,
    SiteUnreachable,
)
from edge_training.ports.model_registry import ModelVersion, Registration
from edge_training.stages import rollout

OLD, NEW, SICK, ABSENT = (f"host/edge/delay@sha256:{digit * 64}" for digit in "1234")
PORT = 17890
LIMIT_S = 0.0
NAME = "edge-service-delay"


@pytest.fixture
def host() -> InMemoryEdgeHost:
    """A site without any service."""
    host = InMemoryEdgeHost({OLD}, pullable={NEW, SICK})
    host.healthy = {OLD, NEW}
    return host


@pytest.fixture
async def serving(host) -> InMemoryEdgeHost:
    """A site where the old image serves."""
    await roll_out(host, OLD)
    return host


async def roll_out(host, image: str) -> bool:
    return await rollout.roll_out(host, rollout.service("delay", "1", image, PORT), None, LIMIT_S)


def serves(host: InMemoryEdgeHost) -> str:
    """The image of the one service there is."""
    ((name, container),) = host.containers.items()
    assert (name, container.status, container.host_port) == (NAME, "running", PORT)
    return container.spec.image


async def test_the_first_service_is_started(host):
    assert await roll_out(host, NEW) is True
    assert serves(host) == NEW


async def test_a_service_that_answers_is_left_alone(serving):
    assert await roll_out(serving, OLD) is False
    assert serves(serving) == OLD


async def test_a_new_image_takes_the_old_ones_place(serving):
    assert await roll_out(serving, NEW) is True
    assert serves(serving) == NEW


async def test_a_new_port_moves_the_service(serving):
    spec = rollout.service("delay", "1", OLD, PORT + 1)
    assert await rollout.roll_out(serving, spec, None, LIMIT_S) is True
    assert serving.containers[NAME].host_port == PORT + 1


async def test_an_unhealthy_image_never_touches_the_old_service(serving):
    before = serving.containers[NAME]
    with pytest.raises(RolloutFailed, match="what served before serves on"):
        await roll_out(serving, SICK)
    assert serves(serving) == OLD
    assert serving.containers[NAME] is before


async def test_an_unhealthy_first_image_leaves_nothing(host):
    with pytest.raises(RolloutFailed):
        await roll_out(host, SICK)
    assert host.containers == {}


async def test_an_image_nobody_has_changes_nothing(serving):
    with pytest.raises(ImageMissing):
        await roll_out(serving, ABSENT)
    assert serves(serving) == OLD


async def test_a_service_that_gets_sick_at_its_final_place_makes_way_for_the_old_one(serving):
    """Healthy as a candidate, not as the service: say, only its old port is open in the firewall."""

    class OnlyElsewhere(InMemoryEdgeHost):
        async def http_status(self, host_port: int, path: str) -> int | None:
            if host_port == PORT and self.containers[NAME].spec.image == NEW:
                return None
            return await super().http_status(host_port, path)

    picky = OnlyElsewhere(set())
    vars(picky).update(vars(serving))
    with pytest.raises(RolloutFailed):
        await roll_out(picky, NEW)
    assert serves(picky) == OLD


CALLS = range(30)


@pytest.mark.parametrize("calls", CALLS)
async def test_a_crash_between_any_two_calls_is_mended_by_the_next_try(serving, calls):
    await crash(serving, NEW, calls)
    await roll_out(serving, NEW)
    assert serves(serving) == NEW


@pytest.mark.parametrize("calls", CALLS)
async def test_after_a_crash_an_unhealthy_image_still_leaves_the_old_service(serving, calls):
    """The crash came while a good image was rolled out; the next roll-out brings a bad one."""
    crashed = await crash(serving, NEW, calls)
    with pytest.raises(RolloutFailed):
        await roll_out(serving, SICK)
    assert serves(serving) in ({OLD, NEW} if crashed else {NEW})


@pytest.mark.parametrize("calls", CALLS)
async def test_a_crash_while_a_bad_image_is_tried_leaves_the_old_service(serving, calls):
    await crash(serving, SICK, calls)
    with pytest.raises(RolloutFailed):
        await roll_out(serving, SICK)
    assert serves(serving) == OLD


async def crash(host: InMemoryEdgeHost, image: str, calls: int) -> bool:
    """Roll out by a worker that dies before call `calls` + 1; tells whether it got that far."""
    try:
        await roll_out(CrashingHost(host, calls), image)
    except Crash:
        return True
    except RolloutFailed:
        return False
    return False


@pytest.mark.parametrize(
    ("requested", "is_backfill", "policy"),
    [
        ("auto", False, "newer"),
        ("auto", True, "never"),
        ("newer", True, "newer"),
        ("always", True, "always"),
        ("never", False, "never"),
    ],
)
def test_backfills_deploy_only_when_asked(requested, is_backfill, policy):
    assert rollout.policy_of(requested, is_backfill) == policy


def test_a_policy_nobody_knows_is_refused():
    with pytest.raises(BadRequest, match="use auto, newer, always, never"):
        rollout.policy_of("sometimes", is_backfill=False)


CHAMPION = ModelVersion("delay", "4", {"partition": "2013-02-02"}, "run", "source")


@pytest.mark.parametrize(
    ("policy", "partition", "champion", "sentence"),
    [
        ("never", "2013-02-03", None, "asked for no deployment"),
        ("newer", "2013-02-01", CHAMPION, "version 4, was trained for the newer partition 2013-02-02"),
        ("newer", "2013-02-02", CHAMPION, None),
        ("newer", "2013-02-03", CHAMPION, None),
        ("newer", "2013-02-03", None, None),
        ("newer", "2013-02-03", ModelVersion("delay", "1", {}, "run", "source"), None),
        ("always", "2013-02-01", CHAMPION, None),
    ],
)
def test_only_what_is_not_older_than_the_champion_is_rolled_out(policy, partition, champion, sentence):
    reason = rollout.reason_to_skip(policy, partition, champion)
    assert reason is None if sentence is None else sentence in reason


PLACE = Place("edge_site", "edge-service-delay", 18890)
MONDAY, TUESDAY = (datetime(2013, 2, day, 3, tzinfo=UTC) for day in (4, 5))


@pytest.fixture
def two_versions(tmp_path) -> InMemoryModelRegistry:
    models, bundle = InMemoryModelRegistry(), bundles.stored(tmp_path)
    for key in ("a", "b"):
        models.register(Registration("delay", key * 64, bundle))
    return models


def test_both_versions_say_where_they_serve_since_when_and_until_when(two_versions):
    rollout.promote(two_versions, "delay", "1", PLACE, MONDAY)
    rollout.promote(two_versions, "delay", "2", PLACE, TUESDAY)

    first, second = (periods(version.tags) for version in two_versions.search("delay"))
    assert first == [Period(PLACE, "2013-02-04T03:00:00+00:00", "2013-02-05T03:00:00+00:00")]
    assert second == [Period(PLACE, "2013-02-05T03:00:00+00:00")]
    assert two_versions.champion("delay").version == "2"


def test_a_promotion_that_died_in_the_middle_is_completed_by_the_next_try(two_versions):
    class Dies(Exception):
        pass

    def die(_):
        raise Dies

    rollout.promote(two_versions, "delay", "1", PLACE, MONDAY)
    promote, two_versions.promote = two_versions.promote, die
    with pytest.raises(Dies):
        rollout.promote(two_versions, "delay", "2", PLACE, MONDAY)
    two_versions.promote = promote

    rollout.promote(two_versions, "delay", "2", PLACE, TUESDAY)

    first, second = (periods(version.tags) for version in two_versions.search("delay"))
    assert [one.until for one in first] == ["2013-02-04T03:00:00+00:00"]
    assert [(one.since, one.until) for one in second] == [("2013-02-04T03:00:00+00:00", "")]
    assert two_versions.champion("delay").version == "2"


def test_a_version_the_registry_no_longer_has_cannot_become_champion():
    with pytest.raises(ModelRegistryRefused, match="train the partition again"):
        rollout.promote(InMemoryModelRegistry(), "delay", "9", PLACE, MONDAY)


@pytest.mark.parametrize(("tags", "state"), [({"state": "rejected"}, "rejected"), ({}, "unfinished")])
def test_a_version_that_may_not_serve_cannot_become_champion(tags, state):
    class OneVersion(InMemoryModelRegistry):
        def get(self, name, version):
            return ModelVersion(name, version, tags, "run", "source")

    models = OneVersion()
    with pytest.raises(ModelRegistryRefused, match=f"Version 9 of delay is {state} and may not be"):
        rollout.promote(models, "delay", "9", PLACE, MONDAY)
    assert models.champion("delay") is None


async def test_a_service_that_cannot_be_started_makes_way_for_the_old_one():
    class PortTaken(InMemoryEdgeHost):
        async def run_service(self, spec):
            if spec.host_port == 17891 and spec.name not in self.containers:
                self._create(spec)
                raise SiteUnreachable("driver failed: port is already allocated")
            return await super().run_service(spec)

    host = PortTaken({OLD, NEW})
    host.healthy = {OLD, NEW}
    await rollout.roll_out(host, rollout.service("delay", "1", OLD, 17890), None, 0.0)
    with pytest.raises(EdgeError):
        await rollout.roll_out(host, rollout.service("delay", "2", NEW, 17891), None, 0.0)
    running = {n: c.spec.image for n, c in host.containers.items() if c.status == "running"}
    assert running == {"edge-service-delay": OLD}
