"""Exactly one service, whatever happens: bad images, crashes between any two calls, hands in between."""

from __future__ import annotations

from contextlib import suppress

import pytest
from tests.fakes.crashing import Crash, Crashing, Interrupted
from tests.fakes.edge_host import InMemoryEdgeHost

from edge_training.errors import BadRequest, EdgeError, ImageMissing, RolloutFailed, SiteUnreachable
from edge_training.stages import rollout

OLD, NEW, SICK, ABSENT, ANOTHER = (f"host/edge/delay@sha256:{digit * 64}" for digit in "12345")
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
        await roll_out(Crashing(host, calls), image)
    except Crash:
        return True
    except RolloutFailed:
        return False
    return False


TRAINED_BY = "train_delay/night-3"


async def test_an_image_that_is_lost_can_be_made_again_by_its_training(serving):
    spec = rollout.service("delay", "3", ABSENT, PORT)
    with pytest.raises(ImageMissing, match="if the registry has lost it, clear build_image and what follows"):
        await rollout.roll_out(serving, spec, None, LIMIT_S, TRAINED_BY)
    assert serves(serving) == OLD


async def test_an_image_that_only_the_site_still_has_is_enough(serving):
    serving.images.add(NEW)
    serving.pullable.clear()
    assert await roll_out(serving, NEW) is True


@pytest.mark.parametrize("expected", ["", OLD, NEW])
async def test_a_step_back_begins_at_the_champion_or_goes_on(serving, expected):
    """Also after a crash, when what is to serve already does."""
    served = OLD if expected != NEW else NEW
    await roll_out(serving, served)
    await rollout.require_serving(serving, rollout.service("delay", "1", served, PORT), expected)


async def test_a_step_back_from_what_never_became_the_champion_is_refused(serving):
    """Version 1 serves, and its run has died before it wrote anything."""
    with pytest.raises(BadRequest, match=r"serves version 1, which is not the champion: .* clear promote_"):
        await rollout.require_serving(serving, rollout.service("delay", "2", SICK, PORT), expected=NEW)


async def test_a_step_back_needs_no_service(host):
    """Somebody has removed it."""
    await rollout.require_serving(host, rollout.service("delay", "2", OLD, PORT), expected=NEW)


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


@pytest.mark.parametrize("lives", [3, 5, 7, 9, 11, 13, 99])
@pytest.mark.parametrize("calls", range(20))
async def test_a_roll_out_that_ends_well_has_its_own_image_serving_whatever_another_one_does(
    serving, calls, lives
):
    """The other one begins between two calls of the first, and dies after some calls or comes to its end."""
    serving.images.add(ANOTHER)
    serving.healthy.add(ANOTHER)

    async def other() -> None:
        spec = rollout.service("delay", "2", ANOTHER, PORT)
        with suppress(Crash):
            await rollout.roll_out(Crashing(serving, lives), spec, None, LIMIT_S)

    with suppress(EdgeError):
        await roll_out(Interrupted(serving, calls, other), NEW)
        assert serves(serving) == NEW

    await roll_out(serving, NEW)
    assert serves(serving) == NEW
