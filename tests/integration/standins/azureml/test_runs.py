"""azureml-core writes runs of experiments into the stand-in, and reads them again."""

from __future__ import annotations

from typing import Any

import pytest
from tests.standins.azureml.interpreter import ProgramFailed, Step

SEEN = ("seen_run", {"experiment": "flight-delay", "run_id": "r1"})


def run(end: str = "completed", run_id: str = "r1", **described: Any) -> Step:
    """A run from start to end."""
    return "run", {"experiment": "flight-delay", "run_id": run_id, "end": end, **described}


def found(**tags: str) -> Step:
    """Ids of the runs with these tags."""
    return "found_runs", {"experiment": "flight-delay", "tags": tags}


def test_a_completed_run_names_its_target_and_keeps_metrics_tags_and_properties(core):
    described = {"tags": {"training_key": "abc"}, "properties": {"data_digest": "def"}}
    metrics = [("rmse", 2.0), ("rmse", 1.5), ("rows", 3)]
    _, seen = core.each(run(target="edge-vm", metrics=metrics, **described), SEEN)
    assert (seen["status"], seen["target"]) == ("Completed", "edge-vm")
    assert seen["metrics"] == {"rmse": [2.0, 1.5], "rows": 3}
    assert described.items() <= seen.items()


def test_a_failed_run_says_why(core):
    _, seen = core.each(run("failed"), SEEN)
    error = seen["error"]["error"]
    assert (seen["status"], error["code"], error["message"]) == ("Failed", "TrainingFailed", "It broke.")


def test_a_cancelled_run_is_cancelled(core):
    assert core.each(run("cancelled"), SEEN)[-1]["status"] == "Canceled"


def test_runs_are_found_by_their_tags(core):
    runs = [run(run_id=each, tags={"key": key}) for each, key in (("a", "1"), ("b", "1"), ("c", "2"))]
    assert core.each(*runs, found(key="1"))[-1] == ["b", "a"]


def test_a_run_begun_again_is_the_same_run(core):
    assert core.each(run(tags={"tries": "1"}), run(tags={"tries": "2"}), found(tries="2"))[-1] == ["r1"]


@pytest.mark.parametrize(
    ("described", "reason"),
    [
        ({"properties": {"data_digest": "other"}}, "Properties cannot be changed: data_digest"),
        ({"tags": {"note": "x" * 1001}}, "1000 are allowed"),
        ({"tags": {f"tag{number}": "" for number in range(51)}}, "50 are allowed"),
    ],
    ids=["changed property", "long tag", "many tags"],
)
def test_a_run_refuses_what_the_service_does_not_keep(core, described, reason):
    with pytest.raises(ProgramFailed, match=reason):
        core.each(run(properties={"data_digest": "first"}), run(**described))
