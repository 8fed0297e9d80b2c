"""What Airflow knows by name, connections and variables, and what it means that there is none.

Airflow takes a secrets backend that has failed for one that does not know the name (3.3.2, source). So a name
that is not found is asked for once more, here: when a backend fails, the task is tried again; when none of
them knows of such a thing, it is not.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException, AirflowRuntimeError, ErrorType
from asgiref.sync import sync_to_async

from edge_training.errors import BadRequest

if TYPE_CHECKING:
    from airflow.sdk.execution_time.comms import GetConnection, GetVariable

LOOK_UP_ERRORS = (AirflowException, AirflowRuntimeError)
"""How a question ends that Airflow cannot answer just now."""
UNKNOWN = (ErrorType.CONNECTION_NOT_FOUND, ErrorType.VARIABLE_NOT_FOUND)


def look_up_without_a_task() -> None:
    """Let a process that is no task look things up in Airflow's own database, too.

    Without it Airflow does not (3.3.2, source: `airflow connections get`).
    """
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")


class ConnectionHook(BaseHook):
    """A hook that tells a connection that does not exist from one that cannot be looked up just now.

    Both ways to look one up raise:
        BadRequest: There is no such connection, or what stands for it is none.
        AirflowException: A secrets backend fails.
    """

    @classmethod
    def get_connection(cls, conn_id: str) -> Connection:
        """The connection, for a worker."""
        try:
            return super().get_connection(conn_id)
        except LOOK_UP_ERRORS as error:
            raise no_connection(conn_id, error) from None

    @classmethod
    async def aget_connection(cls, conn_id: str) -> Connection:
        """The connection, for a trigger."""
        try:
            return await super().aget_connection(conn_id)
        except LOOK_UP_ERRORS as error:
            raise await sync_to_async(no_connection)(conn_id, error) from None


def no_connection(conn_id: str, error: Exception) -> Exception:
    """What to say of a connection that Airflow has not given, and with which error."""
    from airflow.sdk.execution_time.comms import GetConnection

    reason = str(error)
    if isinstance(error, AirflowNotFoundException):
        question = GetConnection(conn_id=conn_id)
        reason = doubt(lambda backend: backend.get_connection(conn_id=conn_id), question)
    if reason:
        return AirflowException(
            f"Airflow cannot look up the connection {conn_id} ({reason}); check its secrets backends."
        )
    return BadRequest(
        f"The connection {conn_id} is missing, or its JSON or URI is invalid; add or correct it under "
        "Admin > Connections or in the secrets backend."
    )


def no_variable(name: str, field: str) -> Exception:
    """What to say of a variable that was empty when the task's fields were filled in, and with which error.

    Args:
        name: The variable.
        field: The operator's field that it fills.
    """
    from airflow.sdk.execution_time.comms import GetVariable

    reason = doubt(lambda backend: backend.get_variable(key=name), GetVariable(key=name))
    if reason:
        return AirflowException(
            f"Airflow could not look up the variable {name} ({reason}); check its secrets backends."
        )
    return BadRequest(
        f"The variable {name} is not set; add it under Admin > Variables or in the secrets backend, or give "
        f"{field} in the DAG file."
    )


def doubt(ask: Callable[[Any], object], question: GetConnection | GetVariable) -> str:
    """Why it is not certain that there is no such thing; empty when it is.

    Args:
        ask: How a secrets backend is asked.
        question: How Airflow itself is asked.
    """
    from airflow.sdk.execution_time.supervisor import ensure_secrets_backend_loaded

    return first_doubt(ensure_secrets_backend_loaded(), ask, question)


def first_doubt(
    backends: Iterable[object], ask: Callable[[Any], object], question: GetConnection | GetVariable
) -> str:
    """The doubt that the first of some backends leaves; see `doubt`."""
    from airflow.sdk.execution_time.secrets import ExecutionAPISecretsBackend

    for backend in backends:
        try:
            # Airflow's own backend keeps to itself why it does not answer.
            ours = isinstance(backend, ExecutionAPISecretsBackend)
            found = answer_of_airflow(question) if ours else ask(backend)
        except Exception as error:  # noqa: BLE001 - whatever the client library of a backend raises
            if isinstance(error, ValueError | TypeError) and not isinstance(error, OSError):
                continue  # it has something by that name which cannot be read
            return f"{type(backend).__name__} fails: {type(error).__name__}"
        if found:
            return f"{type(backend).__name__} has it by now"
    return ""


def answer_of_airflow(question: GetConnection | GetVariable) -> object:
    """What Airflow's API knows; None when it knows of no such thing.

    Raises:
        AirflowRuntimeError: It does not answer.
    """
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import ErrorResponse, VariableResult

    try:
        answer = task_runner.SUPERVISOR_COMMS.send(question)
    except AirflowRuntimeError as error:
        answer = error.error
    if isinstance(answer, ErrorResponse):
        if answer.error in UNKNOWN:
            return None
        raise AirflowRuntimeError(answer)
    return answer.value if isinstance(answer, VariableResult) else answer
