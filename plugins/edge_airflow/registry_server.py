"""The model registry behind an Airflow connection, for processes that may not import Airflow: they run this
module at the other end of a bridge.
"""

from __future__ import annotations

from edge_airflow.hooks.lookups import LOOK_UP_ERRORS, look_up_without_a_task
from edge_airflow.hooks.registries import ModelRegistryHook
from edge_training.adapters.bridge.server import Ports, serve
from edge_training.errors import BadRequest, ModelRegistryUnavailable


def open_connection(conn_id: str) -> Ports:
    """The registry of a connection.

    Raises:
        BadRequest: There is no such connection, or it lacks a field.
        ModelRegistryUnavailable: Airflow cannot look it up.
    """
    look_up_without_a_task()
    try:
        return {"registry": ModelRegistryHook(conn_id).client()}
    except LOOK_UP_ERRORS as error:
        raise ModelRegistryUnavailable(f"{error} Or name the registry with --registry.") from None
    except BadRequest as error:
        raise BadRequest(f"{error} Or name the registry with --registry.") from None


if __name__ == "__main__":
    serve({"connection": open_connection})
