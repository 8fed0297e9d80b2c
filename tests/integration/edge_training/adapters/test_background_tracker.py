"""The tracker on a real MLflow server: creators that race, and faults on the way."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from tests import bundles
from tests.faults import cutting_proxy
from tests.mlflow_runs import SeenRun, runs_on
from tests.standins.troubled_proxy import troubled_proxy

from edge_runner.frames import Point
from edge_training.adapters.background_tracker import BackgroundTracker
from edge_training.adapters.mlflow.api import REQUESTS_AT_ONCE, MlflowApi
from edge_training.adapters.mlflow.registry import MlflowRegistry
from edge_training.adapters.mlflow.session import MlflowSession
from edge_training.bundle import Metric
from edge_training.ports.model_registry import Registration

KEY = "5" * 64
FOREVER_S = 3600.0
RACERS = 6


@pytest.fixture
def name() -> str:
    """A model nobody else uses."""
    return f"live-{uuid.uuid4().hex[:12]}"


def points(count: int, first: int = 0) -> list[Point]:
    return [Point(step, "mae", float(step), 1_700_000_000_000 + step) for step in range(first, first + count)]


def quick(url: str, **login: str) -> BackgroundTracker:
    return BackgroundTracker(lambda: MlflowApi(url, **login), interval_s=0.0, longest_pause_s=1.0)


async def track(tracker: BackgroundTracker, name: str, to_log: list[Point]) -> None:
    """Hand points over and wait until all are sent."""
    async with tracker.run(name, KEY, farewell_s=FOREVER_S) as run:
        run.log(to_log)


def only_run(url: str, name: str) -> SeenRun:
    [run] = runs_on(url, name, KEY)
    return run


def url_of(address: tuple[str, int]) -> str:
    return "http://{}:{}".format(*address)


def said(caplog, text: str) -> int:
    return sum(text in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("race", range(4))
async def test_racing_trackers_and_a_registration_end_in_one_run_with_everything(site, name, tmp_path, race):
    curve = [Metric("mae", point.value, point.step) for point in points(RACERS)]
    registration = Registration(name, KEY, bundles.stored(tmp_path / "store"), metrics=curve)
    registry = MlflowRegistry(MlflowSession(site.mlflow_url))

    *_, version = await asyncio.gather(
        *(track(quick(site.mlflow_url), name, points(1, racer)) for racer in range(RACERS)),
        asyncio.to_thread(registry.register, registration),
    )

    run = only_run(site.mlflow_url, name)
    assert run.run_id == version.run_id
    assert {(point.step, point.value) for point in run.points} == {
        (point.step, point.value) for point in curve
    }


@pytest.mark.parametrize("race", range(4))
async def test_racing_trackers_agree_on_one_run(site, name, race):
    await asyncio.gather(*(track(quick(site.mlflow_url), name, points(1, racer)) for racer in range(RACERS)))

    run = only_run(site.mlflow_url, name)
    assert run.status == "RUNNING"
    assert run.points == points(RACERS)


async def test_many_trainings_of_one_triggerer_do_not_crowd_the_server(site, name):
    with troubled_proxy(site.mlflow_url) as proxy:
        await asyncio.gather(*(track(quick(proxy.url), f"{name}-{number}", []) for number in range(20)))

    assert 1 < proxy.most_at_once <= REQUESTS_AT_ONCE
    assert all(runs_on(site.mlflow_url, f"{name}-{number}", KEY) for number in range(20))


async def test_a_long_curve_arrives_whole(site, name):
    await track(quick(site.mlflow_url), name, points(2500))

    assert only_run(site.mlflow_url, name).points == points(2500)


async def test_a_server_that_is_down_gets_everything_when_it_is_back(own_server, name, caplog):
    caplog.set_level("INFO")
    tracker = quick(own_server.url)
    await track(tracker, name, points(1))
    await asyncio.to_thread(own_server.stop)

    async with tracker.run(name, KEY, farewell_s=FOREVER_S) as run:
        run.log(points(5, 1))
        while not said(caplog, "does not answer"):
            await asyncio.sleep(0.05)
        run.log(points(5, 6))
        await asyncio.to_thread(own_server.start)

    assert only_run(own_server.url, name).points == points(11)
    assert said(caplog, "does not answer") == 1
    assert said(caplog, "answers again") == 1


@pytest.mark.parametrize("trouble", [(500, b"oops"), (503, b""), (429, b"slow down"), (200, b"<html>")])
async def test_a_server_in_trouble_is_asked_again_and_the_trouble_is_said_once(site, name, caplog, trouble):
    with troubled_proxy(site.mlflow_url, trouble, trouble, trouble) as proxy:
        await track(quick(proxy.url), name, points(3))

    assert proxy.turned_away == 3
    assert only_run(site.mlflow_url, name).points == points(3)
    assert said(caplog, "does not answer") == 1


@pytest.mark.parametrize(("after_bytes", "cuts"), [(1, 3), (200, 3), (30_000, 2), (70_000, 1)])
async def test_a_connection_that_is_cut_half_way_loses_and_doubles_nothing(
    mlflow_address, name, after_bytes, cuts
):
    with cutting_proxy(mlflow_address, after_bytes, cuts) as proxy:
        await track(quick(f"http://{proxy.address}"), name, points(1500))
        assert proxy.cuts == 0

    assert only_run(url_of(mlflow_address), name).points == points(1500)


async def test_a_wrong_login_is_named_once_and_fails_no_training(site, name, caplog):
    with troubled_proxy(site.mlflow_url, login=("edge", "secret")) as proxy:
        async with quick(proxy.url, user="edge", password="wrong").run(name, KEY, farewell_s=0.0) as run:
            run.log(points(3))
            while proxy.turned_away < 2:
                await asyncio.sleep(0.05)
        await track(quick(proxy.url, user="edge", password="secret"), name, points(1))

    assert said(caplog, "correct login and password of its connection") == 1
    assert said(caplog, "wrong") == 0
    assert only_run(site.mlflow_url, name).points == points(1)


async def test_a_metric_that_mlflow_refuses_does_not_keep_the_others_back(site, name, caplog):
    bad = [Point(step, "a//b", 1.0, 1_700_000_000_000) for step in range(20)]

    await track(quick(site.mlflow_url), name, [*points(5), *bad, *points(5, 5)])

    assert only_run(site.mlflow_url, name).points == points(10)
    assert said(caplog, "'a//b' is not shown") == 1


async def test_a_run_that_is_deleted_by_hand_is_made_again(site, name):
    async with quick(site.mlflow_url).run(name, KEY, farewell_s=FOREVER_S) as run:
        run.log(points(1))
        while not (found := await asyncio.to_thread(runs_on, site.mlflow_url, name, KEY)):
            await asyncio.sleep(0.05)
        MlflowSession(site.mlflow_url).call(lambda client: client.delete_run(found[0].run_id))
        run.log(points(1, 1))

    again = only_run(site.mlflow_url, name)
    assert again.run_id != found[0].run_id
    assert points(1, 1)[0] in again.points
