"""The extra `compute_target` of a connection to an Azure Machine Learning workspace: the site's VM, as the
service is to know it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from airflow.sdk import Connection

from edge_airflow.hooks.fields import WHERE, extra_of, text_of_file
from edge_training.errors import BadRequest

FIELD: Final = "compute_target"
KIND: Final = "azureml"
"""The only client that can attach a VM by its address."""
SSH_PORT: Final = 22
NEEDED: Final = ("name", "address", "user", "key_file", "site")
NAME: Final = re.compile(r"[a-zA-Z](?![a-zA-Z0-9-]*-\d+$)[a-zA-Z0-9\-]{2,23}")
"""`computeName` in the OpenAPI document of Microsoft.MachineLearningServices."""


def site_of(connection: Connection) -> str:
    """The site whose VM is the compute target; empty where there is none.

    Raises:
        BadRequest: The field lacks something.
    """
    return str(_fields(connection).get("site", ""))


def no_compute_target(conn_id: str) -> BadRequest:
    """What to say of a connection without one."""
    return BadRequest(
        f"The connection {conn_id} names no {FIELD}; add it to the extra, with the kind {KIND}, as an object "
        f"of {', '.join(NEEDED)} {WHERE}."
    )


def compute_options(connection: Connection, airflows_key: str) -> dict[str, Any]:
    """What the other end of the bridge is told of the compute target; nothing where there is none.

    Args:
        connection: The workspace's.
        airflows_key: The private key of the site's own connection, which must be another one: the service
            shows the key it is given to whoever may list keys.

    Raises:
        BadRequest: A field is missing, a key cannot be read, or both are the same.
    """
    found = _fields(connection)
    if not found:
        return {}
    from edge_training.adapters.ssh.keys import fingerprint

    private_key = text_of_file(connection, f"key_file of {FIELD}", found["key_file"])
    try:
        own = fingerprint(private_key)
    except BadRequest as error:
        raise BadRequest(
            f"In {found['key_file']}, which {FIELD} of the connection {connection.conn_id} names: {error}"
        ) from None
    if own == fingerprint(airflows_key):
        raise BadRequest(
            f"The key_file of {FIELD} in the connection {connection.conn_id} is the key that Airflow uses "
            f"for {found['site']}, and Azure Machine Learning would hand it out; make a key for this alone, "
            "with ssh-keygen."
        )
    compute = {name: str(found[name]) for name in ("name", "address", "user")}
    return {"compute": {**compute, "private_key": private_key, "port": int(found.get("port", SSH_PORT))}}


def _fields(connection: Connection) -> Mapping[str, Any]:
    """The field, looked over; empty where there is none.

    Raises:
        BadRequest: It is no object, lacks something, or has something that cannot be right.
    """
    extra = extra_of(connection)
    found: Mapping[str, Any] | None = extra.get(FIELD)
    if not found:
        return {}
    if extra.get("kind") != KIND:
        raise BadRequest(
            f"The connection {connection.conn_id} has a {FIELD}, which only the kind {KIND} attaches; set "
            f"that kind, or remove it {WHERE}."
        )
    missing = [name for name in NEEDED if not (isinstance(found, dict) and found.get(name))]
    if missing:
        raise BadRequest(
            f"The {FIELD} of the connection {connection.conn_id} lacks {', '.join(missing)}; write it as an "
            f"object of {', '.join(NEEDED)} {WHERE}, or remove it."
        )
    _require_right(connection.conn_id, found)
    return found


def _require_right(conn_id: str, found: Mapping[str, Any]) -> None:
    """Make sure that name and port can be.

    Raises:
        BadRequest: One cannot.
    """
    if not NAME.fullmatch(str(found["name"])):
        raise BadRequest(
            f"The {FIELD} {found['name']!r} of the connection {conn_id} has no name that one can have; use 3 "
            "to 24 letters, digits and hyphens, begin with a letter, do not end with a hyphen and a number "
            f"{WHERE}."
        )
    if not str(found.get("port", SSH_PORT)).isdigit():
        raise BadRequest(
            f"The port {found['port']!r} of {FIELD} in the connection {conn_id} is no number; correct it "
            f"{WHERE}, or remove it for {SSH_PORT}."
        )
