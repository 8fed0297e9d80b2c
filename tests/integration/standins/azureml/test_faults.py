"""What the real clients make of a service in trouble: what they repeat themselves, and what they say."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from tests.standins.azureml import faults
from tests.standins.azureml.faults import Cut, Fault
from tests.standins.azureml.interpreter import ProgramFailed, Step

NAME = "flight-delay"
REGISTER = ("register", {"name": NAME, "folder": "bundle"})
SEEN = ("seen_models", {"name": NAME})
REGISTRATION = ("POST", "/modelmanagement/.*/models$")
VERSION = ("POST", "/model-versions/create$")
ONE_TRY = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}


@pytest.mark.usefixtures("bundle")
@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (faults.EXPIRED_TOKEN, "Response Code: 401"),
        (faults.NO_WORKSPACE, "ModelNotFound"),
        (faults.CONFLICT, "Response Code: 409"),
        (faults.QUOTA_EXCEEDED, "Response Code: 409"),
    ],
    ids=lambda value: getattr(value, "code", None),
)
def test_a_refused_registration_is_not_repeated(core, azureml, refusal, said):
    azureml.faults.add(Fault(*REGISTRATION, refusal=refusal))
    with pytest.raises(ProgramFailed, match=said):
        core.each(REGISTER)
    assert len(azureml.faults.asked(*REGISTRATION)) == 1


@pytest.mark.usefixtures("bundle")
def test_a_registration_whose_answer_is_lost_is_repeated_by_azureml_core_itself(core, azureml):
    """It knows nothing of the first: there are two versions, and its caller sees one."""
    azureml.faults.add(Fault(*REGISTRATION, cut=Cut.AFTER))
    made, seen = core.each(REGISTER, SEEN)
    assert made == f"{NAME}:2"
    assert len(seen) == 2


@pytest.mark.usefixtures("bundle")
def test_azureml_core_told_not_to_repeat_leaves_the_first_version(core, azureml):
    azureml.faults.add(Fault(*REGISTRATION, cut=Cut.AFTER))
    with pytest.raises(ProgramFailed) as failed:
        core.each(("register", {**REGISTER[1], "retries": 0}))
    assert failed.value.kind == "ClientRequestError"
    assert [model["version"] for model in core.each(SEEN)[0]] == [1]


@pytest.mark.usefixtures("bundle")
@pytest.mark.parametrize(
    "fault",
    [
        Fault(*REGISTRATION, cut=Cut.BEFORE),
        Fault(*REGISTRATION, refusal=faults.INTERNAL_ERROR),
        Fault("GET", "/discovery", refusal=faults.UNAVAILABLE),
        Fault("PUT", "blob.core.windows.net", delay_s=1.0),
    ],
    ids=lambda fault: f"{fault.method} {fault.url}",
)
def test_azureml_core_goes_on_after_a_short_trouble(core, azureml, fault):
    azureml.faults.add(replace(fault))
    assert len(core.each(REGISTER, SEEN)[-1]) == 1


def test_an_expired_token_is_refused_at_the_workspace(core, azureml):
    with pytest.raises(ProgramFailed, match="ExpiredAuthenticationToken"):
        core("attach", name="edge-vm", address="10.0.0.4", key="k", token=azureml.tokens.give(lifetime_s=-1))


def test_another_workspace_is_not_found(core, azureml):
    other = replace(azureml.workspace, name="other")
    with pytest.raises(ProgramFailed, match="not found"):
        core("seen_models", name=NAME, scope=other.scope)


@pytest.fixture
def versions() -> tuple[Step, Step, Step]:
    """Make a model that no other test has, make a version of it, look at its versions."""
    name = {"name": f"flight-{uuid.uuid4().hex}"}
    source = {"source": "azureml://artifacts/LocalUpload/a/model"}
    return ("create_model", name), ("create_version", name | source), ("seen_versions", name)


def test_a_version_whose_answer_is_lost_is_made_again_by_mlflows_client_itself(
    mlflow, azureml_with_mlflow, versions
):
    azureml_with_mlflow.faults.add(Fault(*VERSION, cut=Cut.AFTER))
    _, made, seen = mlflow.each(*versions)
    assert (made, len(seen)) == ("2", 2)


def test_mlflows_client_told_not_to_repeat_leaves_the_first_version(mlflow, azureml_with_mlflow, versions):
    azureml_with_mlflow.faults.add(Fault(*VERSION, cut=Cut.AFTER))
    with pytest.raises(ProgramFailed) as failed:
        mlflow.each(*versions, settings=ONE_TRY)
    assert failed.value.kind == "MlflowException"
    assert len(mlflow.each(versions[-1])[0]) == 1


def test_mlflows_client_waits_and_asks_again_when_it_is_throttled(mlflow, azureml_with_mlflow, versions):
    azureml_with_mlflow.faults.add(Fault(*VERSION, refusal=faults.too_many_requests(1)))
    _, made, seen = mlflow.each(*versions)
    assert (made, len(seen)) == ("1", 1)
