"""An event loop that asks over a bridge goes on, and so does whoever waits behind a slow call."""

from __future__ import annotations

import asyncio
import logging

import pytest
from tests.unit.edge_training.adapters.bridge.conftest import LOOP

from edge_runner.frames import Point
from edge_training.adapters.background_tracker import BackgroundTracker
from edge_training.adapters.bridge.ports import BridgedAsyncTrainingRuns, BridgedTrainingRuns

SLOW = """
    while not os.path.exists({mark!r}):
        time.sleep(0.01)
    with open({seen!r}, "a") as seen:
        seen.write(call["call"] + "\\n")
    value = {{"$TrainingRun": {{"run_id": "r", "status": "RUNNING", "is_registered": False}}}}
    print(json.dumps({{"version": 1, "value": value}}), flush=True)
"""


@pytest.fixture
def mark(tmp_path):
    return tmp_path / "go on"


@pytest.fixture
def seen(tmp_path):
    """The calls that the other end has answered."""
    path = tmp_path / "seen"
    path.touch()
    return lambda: path.read_text().split()


@pytest.fixture
def bridge(scripted, tmp_path, mark):
    """Answers no call before `mark` is there."""
    return scripted(LOOP + SLOW.format(mark=str(mark), seen=str(tmp_path / "seen")))


async def test_the_loop_goes_on_while_a_call_takes_its_time(bridge, mark, seen):
    call = asyncio.create_task(BridgedAsyncTrainingRuns(bridge).set_status("r", "FAILED"))
    await asyncio.sleep(0)
    mark.touch()  # never, if the call held up the loop
    await call
    assert seen() == ["runs.set_status"]


async def test_what_is_cancelled_before_its_turn_is_not_asked(bridge, mark, seen):
    runs = BridgedAsyncTrainingRuns(bridge)
    first = asyncio.create_task(runs.set_status("r", "FAILED"))
    second = asyncio.create_task(runs.log_points("r", []))
    await asyncio.sleep(0)
    second.cancel()
    mark.touch()
    await first
    await runs.set_status("r", "RUNNING")
    assert seen() == ["runs.set_status", "runs.set_status"]


async def test_a_watch_that_leaves_within_a_call_says_what_is_left_and_the_bridge_serves_the_next(
    bridge, mark, seen, caplog
):
    caplog.set_level(logging.WARNING)
    tracker = BackgroundTracker(lambda: BridgedAsyncTrainingRuns(bridge), interval_s=0.0)
    async with tracker.run("m", "k", farewell_s=0.1) as run:
        run.log([Point(1, "mae", 9.0, 1)])
    assert "1 points did not reach the model registry" in caplog.text

    mark.touch()
    await bridge.in_turn(BridgedTrainingRuns(bridge).set_status, "r", "RUNNING")
    assert seen() == ["runs.training_run", "runs.set_status"]
