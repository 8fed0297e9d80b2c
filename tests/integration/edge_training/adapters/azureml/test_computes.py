"""The site's VM is attached to a workspace once, and stays attached as it should be."""

from __future__ import annotations

import pytest
from tests.keys import new_key
from tests.standins.azureml import faults
from tests.standins.azureml.faults import Cut, Fault
from tests.standins.azureml.interpreter import ProgramFailed

ATTACH = ("PUT", "/computes/edge-vm")
DETACH = ("DELETE", "/computes/edge-vm")
OPERATION = ("GET", "/computeOperationsStatus/")


KEY = new_key()
MACHINE = {"name": "edge-vm", "address": "10.0.0.4", "user": "edge-azureml", "private_key": KEY}
KEEP = ("keep", {"machine": MACHINE})
LEAVE = ("leave", {"machine": MACHINE})
RUN = ("training_run", {"model": "flight-delay", "key": "5" * 64, "tags": {}, "machine": MACHINE})


def test_a_machine_is_attached_once_by_its_address(program, azureml, workspace):
    program.each(KEEP, KEEP)
    assert workspace.computes() == {"edge-vm": {"address": "10.0.0.4", "sshPort": 22}}
    assert len(azureml.faults.asked(*ATTACH)) == 1


def test_a_machine_that_somebody_detached_is_attached_again(program, workspace):
    program.each(KEEP, LEAVE)
    assert workspace.computes() == {}
    program.each(KEEP, LEAVE, LEAVE, KEEP)
    assert list(workspace.computes()) == ["edge-vm"]


@pytest.mark.parametrize(
    "change",
    [{"address": "10.0.0.5"}, {"port": 2222}, {"user": "other"}, {"private_key": new_key()}],
    ids=lambda change: next(iter(change)),
)
def test_a_machine_that_has_changed_is_detached_and_attached_anew(program, azureml, workspace, change):
    changed = ("keep", {"machine": MACHINE | change})
    program.each(KEEP, changed, changed)
    assert len(azureml.faults.asked(*DETACH)) == 1
    assert len(azureml.faults.asked(*ATTACH)) == 2
    seen = workspace.computes()["edge-vm"]
    assert (seen["address"], seen["sshPort"]) == (change.get("address", "10.0.0.4"), change.get("port", 22))


@pytest.mark.parametrize(
    "fault",
    [
        Fault(*ATTACH, cut=Cut.AFTER),
        Fault(*ATTACH, cut=Cut.BEFORE),
        Fault(*ATTACH, refusal=faults.CONFLICT),
        Fault(*OPERATION, cut=Cut.BEFORE),
        Fault(*OPERATION, answer={"status": "InProgress"}),
    ],
    ids=["lost answer", "lost request", "somebody else attaches", "lost state", "takes its time"],
)
def test_attaching_goes_on_after_trouble(program, azureml, workspace, fault):
    azureml.faults.add(fault)
    program.each(KEEP)
    assert list(workspace.computes()) == ["edge-vm"]


def test_a_training_names_the_machine_that_it_runs_on(program, workspace):
    run_id, *_ = program(*RUN[:1], **RUN[1])
    run = workspace.run(run_id)
    assert (run["target"], run["tags"]["compute_target"]) == ("edge-vm", "edge-vm")


def test_a_run_that_only_a_log_has_made_names_it_too(program, workspace, tmp_path):
    log = tmp_path / "train.log"
    log.write_text("trained\n")
    known = {"model": "flight-delay", "key": "5" * 64}
    program("attach_log", file=str(log), machine=MACHINE, **known)
    run_id, *_ = program("training_run", tags={}, **known)
    assert workspace.run(run_id)["target"] == "edge-vm"


@pytest.mark.parametrize(
    "fault",
    [
        Fault(*ATTACH, refusal=faults.Refused(400, "BadArgument", "No machine by its address.")),
        Fault(*OPERATION, answer={"status": "Failed", "error": {"message": "No SSH at 10.0.0.4."}}),
        Fault("GET", "/computes/edge-vm", refusal=faults.Refused(403, "AuthorizationFailed", "No right.")),
    ],
    ids=["refused", "failed", "no right"],
)
def test_no_training_fails_for_a_machine_that_is_not_attached(program, azureml, workspace, fault):
    azureml.faults.add(fault)
    run_id, status, _ = program(*RUN[:1], **RUN[1])
    assert (status, workspace.run(run_id)["target"]) == ("RUNNING", None)


def test_a_refusal_to_attach_says_what_to_do(program, azureml):
    failed = {"status": "Failed", "error": {"message": "No SSH at 10.0.0.4."}}
    azureml.faults.add(Fault(*OPERATION, answer=failed))
    with pytest.raises(ProgramFailed, match=r"No SSH at 10\.0\.0\.4\.\); let it reach the VM") as caught:
        program.each(KEEP)
    assert "PRIVATE KEY" not in caught.value.message
