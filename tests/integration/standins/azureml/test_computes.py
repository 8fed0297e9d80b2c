"""azureml-core attaches a machine to the stand-in by its address, keeps it attached, and detaches it."""

from __future__ import annotations

import pytest
from tests.standins.azureml.faults import Fault
from tests.standins.azureml.interpreter import ProgramFailed

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n-----END OPENSSH PRIVATE KEY-----\n"
ATTACH = ("attach", {"name": "edge-vm", "address": "10.0.0.4", "key": KEY})
DETACH = ("detach", {"name": "edge-vm"})
OPERATION = "/computeOperationsStatus/"


def test_a_machine_is_attached_by_its_address_and_read_back_without_its_key(core):
    (seen,) = core.each(ATTACH)
    assert (seen["state"], seen["address"], seen["port"]) == ("Succeeded", "10.0.0.4", 22)
    assert seen["listed"] == ["edge-vm"]
    assert "secret" not in str(seen["serialized"])


def test_attaching_again_replaces_the_address(core):
    _, seen = core.each(ATTACH, ("attach", {**ATTACH[1], "address": "10.0.0.5"}))
    assert (seen["address"], seen["listed"]) == ("10.0.0.5", ["edge-vm"])


def test_the_service_hands_the_private_key_out_again(core):
    _, seen = core.each(ATTACH, ("credentials", {"name": "edge-vm"}))
    assert seen["administratorAccount"]["privateKeyData"] == KEY


def test_a_detached_machine_is_gone(core):
    assert core.each(ATTACH, DETACH)[-1] == []
    with pytest.raises(ProgramFailed, match="ComputeTargetNotFound"):
        core.each(DETACH)


def test_the_client_waits_until_the_machine_is_attached(core, azureml):
    azureml.faults.add(Fault("GET", OPERATION, answer={"status": "InProgress"}))
    core.each(ATTACH)
    assert len(azureml.faults.asked("GET", OPERATION)) == 2


def test_an_attachment_that_fails_says_why(core, azureml):
    failed = {"status": "Failed", "error": {"code": "BadArgument", "message": "No SSH at 10.0.0.4."}}
    azureml.faults.add(Fault("GET", OPERATION, answer=failed))
    with pytest.raises(ProgramFailed, match=r"No SSH at 10\.0\.0\.4"):
        core.each(ATTACH)


def test_a_token_serves_instead_of_a_login(core, azureml):
    core.each(("attach", {**ATTACH[1], "token": azureml.tokens.give()}))
    assert azureml.faults.asked("POST", "/oauth2/v2.0/token") == []
