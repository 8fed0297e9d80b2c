"""What every `RunTracker` and `LogArchive` does, together with the registry that completes the run."""

from __future__ import annotations

import asyncio
import hashlib

import pytest
from tests import bundles

from edge_runner.frames import Point
from edge_training.bundle import Metric
from edge_training.ports.model_registry import Registration

KEY = "5" * 64
FOREVER_S = 3600.0
FIRST, SECOND = Point(1, "mae", 9.0, 1_700_000_000_001), Point(2, "mae", 7.5, 1_700_000_000_950)


async def seen(tracking, name, condition):
    """The training's only run, once it is as it should be."""
    while True:
        runs = await asyncio.to_thread(tracking.runs, name, KEY)
        if runs and condition(runs[0]):
            [run] = runs
            return run
        await asyncio.sleep(0.1)


async def watch(tracking, name, points=(), status=None, tags=None):
    """One watch of a training, from its first line to its end."""
    async with tracking.tracker.run(name, KEY, tags, farewell_s=FOREVER_S) as run:
        run.log(points)
        if status:
            run.end(status)


def registration(tmp_path, name, metrics) -> Registration:
    return Registration(name, KEY, bundles.stored(tmp_path / "store"), tags={"site": "a"}, metrics=metrics)


async def test_points_show_with_their_times_while_the_training_runs(tracking, name):
    async with tracking.tracker.run(name, KEY, {"site": "a"}) as run:
        run.log([FIRST])
        await seen(tracking, name, lambda found: found.points == [FIRST])
        run.log([SECOND])
        found = await seen(tracking, name, lambda found: found.points == [FIRST, SECOND])

    assert found.status == "RUNNING"
    assert found.tags.items() >= {"site": "a"}.items()


async def test_a_point_that_is_handed_over_by_two_watches_counts_once(tracking, name):
    await watch(tracking, name, [FIRST, SECOND])
    await watch(tracking, name, [FIRST, SECOND, SECOND])

    [run] = tracking.runs(name, KEY)
    assert run.points == [FIRST, SECOND]


@pytest.mark.parametrize("end", ["FAILED", "KILLED"])
async def test_a_training_that_ended_badly_is_marked_and_its_run_goes_on_with_the_next_watch(
    tracking, name, end
):
    await watch(tracking, name, [FIRST], end)
    [ended] = tracking.runs(name, KEY)
    await watch(tracking, name)
    [again] = tracking.runs(name, KEY)

    assert (ended.status, again.status) == (end, "RUNNING")
    assert again.run_id == ended.run_id
    assert again.points == [FIRST]


async def test_registering_completes_the_run_and_writes_no_point_twice(tracking, name, tmp_path):
    await watch(tracking, name, [FIRST, SECOND])
    curve = [Metric("mae", 9.0, 1), Metric("mae", 7.5, 2), Metric("mae", 7.0, 3), Metric("holdout/mae", 7.9)]

    version = await asyncio.to_thread(tracking.models.register, registration(tmp_path, name, curve))

    [run] = tracking.runs(name, KEY)
    assert (run.run_id, run.status) == (version.run_id, "FINISHED")
    assert run.points[1:3] == [FIRST, SECOND]
    assert [(point.step, point.name, point.value) for point in run.points] == [
        (0, "holdout/mae", 7.9),
        (1, "mae", 9.0),
        (2, "mae", 7.5),
        (3, "mae", 7.0),
    ]


async def test_a_registered_run_stays_as_it_is(tracking, name, tmp_path):
    await asyncio.to_thread(tracking.models.register, registration(tmp_path, name, [Metric("mae", 9.0, 1)]))
    before = tracking.runs(name, KEY)

    await watch(tracking, name, [SECOND], "FAILED")

    assert tracking.runs(name, KEY) == before


async def test_a_log_belongs_to_the_run_of_its_training(tracking, name, tmp_path):
    log_file = tmp_path / "output.log"
    log_file.write_bytes(b"\xff one\ntwo")
    await watch(tracking, name, [FIRST])

    digest = await asyncio.to_thread(tracking.archive.attach, name, KEY, log_file)
    version = await asyncio.to_thread(tracking.models.register, registration(tmp_path, name, []))

    [run] = tracking.runs(name, KEY)
    assert digest == hashlib.sha256(b"\xff one\ntwo").hexdigest()
    assert run.run_id == version.run_id
    assert run.logs == {"output.log": 9}


def test_a_log_of_a_training_nobody_watched_makes_its_run(tracking, name, tmp_path):
    log_file = tmp_path / "output.log"
    log_file.write_bytes(b"")

    tracking.archive.attach(name, KEY, log_file)

    [run] = tracking.runs(name, KEY)
    assert run.logs == {"output.log": 0}


def test_a_longer_log_replaces_a_shorter_one_and_never_the_other_way_round(tracking, name, tmp_path):
    log_file = tmp_path / "output.log"
    digests = []
    for content in (b"one\n", b"one\ntwo\n", b"one\ntwo\n", b"one\n"):
        log_file.write_bytes(content)
        digests.append(tracking.archive.attach(name, KEY, log_file))

    short, long = hashlib.sha256(b"one\n").hexdigest(), hashlib.sha256(b"one\ntwo\n").hexdigest()
    assert digests == [short, long, long, long]
    [run] = tracking.runs(name, KEY)
    assert run.logs == {"output.log": 8}
