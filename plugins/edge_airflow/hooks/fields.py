"""The fields of a connection, checked when it is read: what is wrong is named by connection and field."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from airflow.sdk import Connection

from edge_training.errors import BadRequest

WHERE = "under Admin > Connections or in the secrets backend"


def required(connection: Connection, name: str, value: Any) -> str:
    """A field's value.

    Raises:
        BadRequest: It is empty.
    """
    if not value:
        raise BadRequest(f"The connection {connection.conn_id} lacks {name}; add it {WHERE}.")
    return str(value)


def extra_of(connection: Connection) -> dict[str, Any]:
    """The extra fields.

    Raises:
        BadRequest: They are no JSON object.
    """
    try:
        is_object = isinstance(json.loads(connection.extra or "{}"), dict)
    except ValueError:
        is_object = False
    if not is_object:
        raise BadRequest(
            f"The extra of the connection {connection.conn_id} is no JSON object; correct it {WHERE}."
        )
    return connection.extra_dejson


def text_of_file(connection: Connection, name: str, path: str) -> str:
    """The text of a file that a field names.

    Raises:
        BadRequest: There is none, or it cannot be read.
    """
    try:
        return Path(path).read_text()
    except (OSError, ValueError) as error:
        raise BadRequest(
            f"The file {path}, which {name} of the connection {connection.conn_id} names, cannot be read "
            f"({reason(error)}); put it there on every worker and triggerer, readable by Airflow, or correct "
            f"{name}."
        ) from None


def certificates(connection: Connection, name: str) -> str | None:
    """Certificates of a private authority in the extra fields, PEM text; None when the field is empty.

    Raises:
        BadRequest: There is no certificate in it.
    """
    pem = extra_of(connection).get(name)
    if not pem:
        return None
    try:
        ssl.create_default_context(cadata=pem)
    except (ssl.SSLError, ValueError, TypeError) as error:
        raise BadRequest(
            f"The {name} of the connection {connection.conn_id} is no PEM certificate ({reason(error)}); put "
            "the authority's certificate there, from -----BEGIN CERTIFICATE----- on, or remove the field."
        ) from None
    return str(pem)


def certificates_file(connection: Connection, name: str) -> str | None:
    """The path of a file of certificates in the extra fields; None when the field is empty.

    Raises:
        BadRequest: There is no such file, or no certificate in it.
    """
    path = extra_of(connection).get(name)
    if not path:
        return None
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ValueError, TypeError) as error:
        raise BadRequest(
            f"The file {path}, which {name} of the connection {connection.conn_id} names, gives no "
            f"certificate ({reason(error)}); put the authority's PEM certificate there on every worker and "
            f"triggerer, or correct {name}."
        ) from None
    return str(path)


def proxy_address(connection: Connection, address: str, password_risk: str) -> str:
    """The proxy that a field names, `http://host:port`.

    Args:
        connection: The connection.
        address: What it says of the proxy.
        password_risk: What a password in it would lead to, and who must do without.

    Raises:
        BadRequest: It is no such address, or it has a password.
    """
    try:
        parts = urlsplit(address)
        good = parts.scheme == "http" and parts.hostname and parts.port and parts.path in ("", "/")
        password = "@" in parts.netloc
    except ValueError:
        good = password = False
    if password:
        raise BadRequest(
            f"The proxy of the connection {connection.conn_id} has a password, which {password_risk} by its "
            "address, and write http://host:port."
        )
    if not good:
        raise BadRequest(
            f"The proxy {address!r} of the connection {connection.conn_id} is no proxy's address; write it "
            "as http://host:port."
        )
    return f"http://{parts.hostname}:{parts.port}"


def reason(error: Exception) -> str:
    """Why, in few words: never more of the file or field than its name."""
    known = error.strerror if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else None
    return known or type(error).__name__
