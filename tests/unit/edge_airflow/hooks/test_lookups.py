"""What nobody knows fails at once; what somebody fails to say is asked again."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import ErrorResponse, GetVariable, VariableResult
from airflow.sdk.execution_time.secrets import ExecutionAPISecretsBackend

from edge_airflow.hooks.lookups import ConnectionHook, first_doubt, no_variable
from edge_training.errors import BadRequest

QUESTION = GetVariable(key="port")


class Backend:
    """Answers with a value, or with an error."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def ask(self) -> object:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Comms:
    """Airflow's own answer."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def send(self, question: object) -> object:
        assert question == QUESTION
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class BadGateway(OSError, ValueError):
    """As the JSON error of requests: both a failure of the line and a value that cannot be read."""


def doubt_of(*answers: object) -> str:
    return first_doubt([Backend(answer) for answer in answers], Backend.ask, QUESTION)


@pytest.mark.parametrize("error", [TimeoutError(), BadGateway(), RuntimeError("sealed"), KeyError("data")])
def test_a_backend_that_fails_leaves_a_doubt(error):
    assert doubt_of(None, error) == f"Backend fails: {type(error).__name__}"


def test_what_a_failing_backend_says_stays_out_of_sight():
    assert "hunter2" not in doubt_of(RuntimeError("password hunter2"))


@pytest.mark.parametrize("error", [ValueError("port"), TypeError("unexpected keyword")])
def test_what_cannot_be_read_is_as_good_as_nothing(error):
    assert doubt_of(error, None, "") == ""


def test_what_is_there_by_now_is_worth_another_try():
    assert doubt_of(None, "8080") == "Backend has it by now"


@pytest.mark.parametrize(
    ("answer", "doubt"),
    [
        (ErrorResponse(error=ErrorType.VARIABLE_NOT_FOUND), ""),
        (VariableResult(key="port", value=""), ""),
        (VariableResult(key="port", value="1"), "ExecutionAPISecretsBackend has it by now"),
        (
            ErrorResponse(error=ErrorType.API_SERVER_ERROR),
            "ExecutionAPISecretsBackend fails: AirflowRuntimeError",
        ),
        (
            AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR)),
            "ExecutionAPISecretsBackend fails: AirflowRuntimeError",
        ),
        (ConnectionError(), "ExecutionAPISecretsBackend fails: ConnectionError"),
    ],
)
def test_airflow_itself_is_asked_why_it_does_not_answer(monkeypatch, answer, doubt):
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Comms(answer), raising=False)
    assert first_doubt([ExecutionAPISecretsBackend()], Backend.ask, QUESTION) == doubt


@pytest.mark.parametrize("broken", ['{"conn_type": "ssh", ', '{"port": "abc"}', '{"hostname": "h"}'])
async def test_a_connection_that_cannot_be_parsed_is_refused(monkeypatch, broken):
    monkeypatch.setenv("AIRFLOW_CONN_NORTH_VM", broken)
    with pytest.raises(
        BadRequest, match="north_vm is missing, or its JSON or URI is invalid; add or correct"
    ):
        ConnectionHook.get_connection("north_vm")
    with pytest.raises(
        BadRequest, match="north_vm is missing, or its JSON or URI is invalid; add or correct"
    ):
        await ConnectionHook.aget_connection("north_vm")


async def test_a_connection_that_cannot_be_looked_up_is_looked_up_again(failing_backend):
    with pytest.raises(AirflowException, match=r"look up the connection north_vm \(FailingBackend fails"):
        ConnectionHook.get_connection("north_vm")
    with pytest.raises(AirflowException, match=r"look up the connection north_vm \(FailingBackend fails"):
        await ConnectionHook.aget_connection("north_vm")


def test_a_variable_that_is_not_set_is_named_with_both_remedies():
    assert isinstance(error := no_variable("edge_bundle_store", "bundle_store"), BadRequest)
    assert "edge_bundle_store is not set; add it under Admin > Variables" in str(error)
    assert "or give bundle_store in the DAG file" in str(error)


def test_a_variable_that_cannot_be_looked_up_is_looked_up_again(failing_backend):
    error = no_variable("edge_bundle_store", "bundle_store")
    assert isinstance(error, AirflowException)
    assert "FailingBackend fails: ConnectionError" in str(error)
