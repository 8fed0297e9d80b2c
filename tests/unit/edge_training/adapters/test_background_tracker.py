"""The tracker without a server: what it keeps, what it says, what it does not import."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from edge_runner.frames import Point
from edge_training.adapters import background_tracker
from edge_training.adapters.background_tracker import BackgroundTracker
from edge_training.adapters.mlflow.api import MlflowApi

KEY = "5" * 64


@pytest.fixture
def nobody() -> BackgroundTracker:
    """The tracker of a server that is not there: nobody listens on the discard port."""
    return BackgroundTracker(lambda: MlflowApi("http://127.0.0.1:9"))


def points(count: int) -> list[Point]:
    return [Point(step, "mae", 1.0, 1_700_000_000_000 + step) for step in range(count)]


def said(caplog, text: str) -> int:
    return sum(text in record.getMessage() for record in caplog.records)


async def test_points_that_find_no_server_are_kept_to_a_bound_and_their_loss_is_said_once(nobody, caplog):
    async with nobody.run("flights", KEY, farewell_s=0.0) as run:
        run.log(points(background_tracker.KEPT_POINTS + 10))
        run.log(points(10))

    assert said(caplog, "the oldest are passed over") == 1
    assert said(caplog, f"{background_tracker.KEPT_POINTS} points did not reach the model registry") == 1


async def test_leaving_says_when_the_end_could_not_be_written(nobody, caplog):
    async with nobody.run("flights", KEY, farewell_s=0.0) as run:
        run.end("FAILED")

    assert said(caplog, "could not be marked FAILED") == 1


async def test_what_the_block_raises_comes_through(nobody):
    with pytest.raises(KeyError, match="the training's own"):
        async with nobody.run("flights", KEY, farewell_s=0.0):
            raise KeyError("the training's own")


async def test_an_authority_that_is_not_there_fails_no_training(caplog, tmp_path):
    tracker = BackgroundTracker(lambda: MlflowApi("https://127.0.0.1:9", ca_file=str(tmp_path / "none.pem")))

    async with tracker.run("flights", KEY, farewell_s=1.0) as run:
        run.log(points(1))

    assert said(caplog, "correct ca_file in its connection") == 1


def test_a_triggerer_that_tracks_does_not_import_mlflow():
    code = (
        "import sys, edge_training.adapters.background_tracker, edge_training.adapters.mlflow.api; "
        "sys.exit('mlflow' in sys.modules)"
    )

    ended = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": os.pathsep.join(sys.path)}, check=False
    )
    assert ended.returncode == 0
