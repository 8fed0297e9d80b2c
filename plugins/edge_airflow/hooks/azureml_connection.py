"""The fields of a connection to an Azure Machine Learning workspace."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from airflow.sdk import Connection

from edge_airflow.hooks.compute_target import compute_options
from edge_airflow.hooks.fields import WHERE, certificates_file, extra_of, proxy_address, required
from edge_airflow.hooks.site import ssh_target
from edge_training.errors import BadRequest

KINDS: Final = ("azureml", "azureml-mlflow")
"""What the extra `kind` may say of a workspace: which of its clients is used."""
_PROXY_RISK = (
    "would stand in the environment of the client's process; let the proxy admit workers and triggerers"
)


@dataclass(frozen=True)
class AzureMl:
    """A workspace, and the interpreter that has its client.

    Attributes:
        python: The interpreter of requirements-azureml.txt.
        options: What the other end of the bridge is told, see `bridge.server.OPENERS`.
        proxy: The way there, for that process alone; empty for what the environment says.
    """

    python: Path
    options: dict[str, Any] = field(repr=False)
    proxy: str = ""


def azureml(connection: Connection, vm: Connection | None = None) -> AzureMl:
    """The workspace behind a connection.

    Args:
        connection: The workspace's.
        vm: That of the site whose VM is the compute target; None where there is none.

    Raises:
        BadRequest: A field that is needed is missing, or one cannot be right.
    """
    extra = extra_of(connection)
    address = str(extra.get("proxy") or "")
    return AzureMl(
        interpreter(connection, required(connection, "the extra python", extra.get("python"))),
        {
            "kind": extra["kind"],
            "subscription_id": identifier(connection, "subscription_id", extra.get("subscription_id")),
            "resource_group": required(connection, "the extra resource_group", extra.get("resource_group")),
            "workspace": required(connection, "the extra workspace", extra.get("workspace")),
            "tenant_id": identifier(connection, "tenant_id", extra.get("tenant_id")),
            "client_id": required(connection, "login (the service principal's client id)", connection.login),
            "client_secret": required(connection, "password (its client secret)", connection.password),
            "ca_file": certificates_file(connection, "ca_file"),
            **(compute_options(connection, ssh_target(vm).private_key) if vm else {}),
        },
        proxy_address(connection, address, _PROXY_RISK) if address else "",
    )


def identifier(connection: Connection, name: str, value: Any) -> str:
    """An extra that Azure gives as an id, not as a name.

    Raises:
        BadRequest: It is empty or none.
    """
    text = required(connection, f"the extra {name}", value)
    try:
        return str(UUID(text))
    except ValueError:
        raise BadRequest(
            f"The {name} {text!r} of the connection {connection.conn_id} is no id like "
            f"11111111-2222-3333-4444-555555555555; take it from the workspace's overview in Azure's portal, "
            f"and correct it {WHERE}."
        ) from None


def interpreter(connection: Connection, path: str) -> Path:
    """The interpreter that a connection names.

    Raises:
        BadRequest: There is no such program here.
    """
    if not os.access(path, os.X_OK) or Path(path).is_dir():
        raise BadRequest(
            f"The python {path} of the connection {connection.conn_id} is no interpreter here; make the "
            "environment of requirements-azureml.txt on every worker and triggerer, and name its python."
        )
    return Path(path)
