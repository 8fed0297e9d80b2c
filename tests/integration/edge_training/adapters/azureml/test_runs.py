"""A training has one run in a workspace while it goes on, and registering completes that one."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest
from tests import bundles
from tests.standins.azureml.faults import Cut, Fault, Refused
from tests.standins.azureml.interpreter import ProgramFailed

from edge_training.adapters.azureml.runs import id_of_run
from edge_training.adapters.run_layout import of_training

NAME, KEY = "flight-delay", "5" * 64
RUN_ID = id_of_run(NAME, of_training(KEY))
RUN = ("training_run", {"model": NAME, "key": KEY, "tags": {"partition": "2013-02-01"}})


def status(of: str):
    """Say how the run stands."""
    return "set_status", {"run_id": RUN_ID, "status": of}


def points(*of: tuple[int, str, float, int]):
    """Write points of the run."""
    return "log_points", {"run_id": RUN_ID, "points": of}


def registering(tmp_path):
    """Register what the training has made."""
    bundle = str(bundles.stored(tmp_path / "store"))
    return "register", {"name": NAME, "key": KEY, "bundle": bundle, "tags": {"partition": "2013-02-01"}}


def test_a_training_has_one_run_that_is_running(program, workspace):
    assert program.each(RUN, RUN) == [[RUN_ID, "RUNNING", False]] * 2
    run = workspace.run(RUN_ID)
    assert (run["status"], run["displayName"]) == ("Running", "train 2013-02-01")
    assert run["tags"] == {"partition": "2013-02-01", "training_key": KEY}
    assert run["properties"] == {"training_key": KEY}
    assert run["experimentId"] == workspace.experiment(NAME)["experimentId"]


@pytest.mark.parametrize("moment", Cut)
@pytest.mark.parametrize(
    "request_", [("POST", "/experiments/[^/]*$"), ("PATCH", "/runs/"), ("POST", "/events$")], ids=str
)
def test_a_run_whose_making_is_interrupted_is_made_once(program, azureml, workspace, request_, moment):
    azureml.faults.add(Fault(*request_, cut=moment))
    assert program.each(RUN) == [[RUN_ID, "RUNNING", False]]
    assert workspace.run(RUN_ID)["status"] == "Running"


@pytest.mark.parametrize(("of", "shown"), [("FAILED", "Failed"), ("KILLED", "Canceled")])
def test_a_training_that_ended_badly_shows_it_and_goes_on_in_the_same_run(program, workspace, of, shown):
    *_, seen = program.each(RUN, status(of), RUN)
    assert seen == [RUN_ID, of, False]
    assert workspace.run(RUN_ID)["status"] == shown
    assert program.each(status("RUNNING"), RUN)[-1] == [RUN_ID, "RUNNING", False]


def test_a_service_that_moves_no_ended_run_is_left_with_its_opinion(program, azureml, workspace):
    azureml.faults.add(
        Fault("POST", "/events$", refusal=Refused(400, "InvalidState", "It has ended."), skip=2)
    )
    program.each(RUN, status("FAILED"), status("RUNNING"))
    assert workspace.run(RUN_ID)["status"] == "Failed"


def test_a_run_that_is_gone_is_named(program):
    with pytest.raises(ProgramFailed, match="is gone"):
        program.each(status("FAILED"))


def test_points_show_once_however_often_they_are_sent(program, workspace):
    program.each(RUN, points((1, "mae", 9.0, 1000), (2, "mae", 7.5, 2000)), points((2, "mae", 7.5, 9000)))
    assert workspace.points(RUN_ID, "mae") == [(1, 9.0), (2, 7.5)]


def test_more_points_than_a_request_takes_are_all_written(program, workspace):
    program.each(RUN, points(*((step, "loss", float(step), 1000) for step in range(600))))
    assert workspace.points(RUN_ID, "loss") == [(step, float(step)) for step in range(600)]


def test_what_is_no_number_is_left_out(program, workspace):
    program.each(RUN, points((1, "mae", float("inf"), 1000), (2, "mae", float("nan"), 1), (3, "mae", 1.0, 1)))
    assert workspace.points(RUN_ID, "mae") == [(3, 1.0)]


def test_registering_completes_the_run_that_was_followed(program, workspace, tmp_path):
    seen = program.each(RUN, points((1, "mae", 9.0, 1000)), status("FAILED"), registering(tmp_path), RUN)
    assert seen[-2:] == ["1", [RUN_ID, "FINISHED", True]]
    assert workspace.run(RUN_ID)["status"] == "Completed"


@pytest.mark.parametrize("moment", Cut)
@pytest.mark.parametrize(
    "fault",
    [
        Fault("DELETE", "/tags$"),
        Fault("PUT", "blob.core", skip=1),
        Fault("GET", "blob.core", skip=1),
        Fault("PATCH", "/runs/", skip=2),
    ],
    ids=lambda fault: f"{fault.method} {fault.url}",
)
def test_a_log_whose_way_is_interrupted_is_kept_whole(program, azureml, workspace, tmp_path, fault, moment):
    """It replaces a shorter one, which came through and had a digest of its own."""
    steps = []
    for name, content in (("short", b"one\n"), ("long", b"one\ntwo\n")):
        (tmp_path / name).mkdir()
        log_file = tmp_path / name / "output.log"
        log_file.write_bytes(content)
        steps.append(("attach_log", {"model": NAME, "key": KEY, "file": str(log_file)}))
    azureml.faults.add(replace(fault, cut=moment))

    *_, kept = program.each(*steps)

    assert kept == sha256(b"one\ntwo\n").hexdigest()
    assert None in [call.status for call in azureml.faults.asked(fault.method, fault.url)]
    [run] = workspace.training_runs(NAME, KEY)
    assert (run.logs, run.tags["log_sha256/output.log"]) == ({"output.log": 8}, kept)
