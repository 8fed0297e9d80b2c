"""The connection to a blob store: account key, connection string or shared access signature, one of them.

The fields are those of the provider's connection type `wasb`, with what a Stack Hub needs beside them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from airflow.sdk import Connection

from edge_airflow.hooks.fields import WHERE, certificates, extra_of, proxy_address, required
from edge_training.errors import BadRequest
from edge_training.given_sas import query_of
from edge_training.ports.edge_host import HOST_GATEWAY
from edge_training.site import DEFAULT_API_VERSION, BlobStore

PUBLIC_SUFFIX = "core.windows.net"
VERSION = re.compile(r"\d{4}-\d{2}-\d{2}")
KEY_FIELDS = ("shared_access_key", "account_key")
"""Where the provider's hook looks for a key beside the password."""
SECRET_FIELDS = (*KEY_FIELDS, "sas_token", "connection_string")


@dataclass(frozen=True)
class Account:
    """What a part of the connection says; empty where it says nothing."""

    endpoint: str = ""
    name: str = ""
    key: str = field(default="", repr=False)
    sas: str = field(default="", repr=False)


def blob_store(connection: Connection, default_suffix: str = "") -> BlobStore:
    """The blob store behind a connection.

    Args:
        connection: The connection.
        default_suffix: What follows `<account>.blob.` where the connection does not say; empty to ask for it.

    Raises:
        BadRequest: A field that is needed is missing, one cannot be right, or two contradict each other.
    """
    extra = extra_of(connection)
    require_one_way_in(connection, extra)
    text, token = str(extra.get("connection_string") or ""), str(extra.get("sas_token") or "")
    fields = account_of_fields(connection, extra)
    other = account_of_string(connection, text) if text else account_of_token(token)
    account = joined(connection, fields, other, default_suffix)
    address = str(extra.get("forward_address") or "")
    return BlobStore(
        endpoint=account.endpoint,
        account=account.name,
        key=account.key,
        sas=account.sas,
        api_version=api_version(connection, extra),
        ca_pem=certificates(connection, "ca_pem"),
        forward_address=address,
        proxy=proxy(connection, str(extra.get("proxy") or ""), address),
        hierarchical_namespace=bool(extra.get("hierarchical_namespace")),
    )


def require_one_way_in(connection: Connection, extra: Mapping[str, Any]) -> None:
    """See that there is one key, signature or connection string, not two that could contradict each other.

    Raises:
        BadRequest: There is none, or there are several.
    """
    ways = {"password": connection.password} | {name: extra.get(name) for name in SECRET_FIELDS}
    given = [name for name, value in ways.items() if value]
    if not given:
        raise BadRequest(
            f"The connection {connection.conn_id} lacks password (the account's key), sas_token and "
            f"connection_string; add one of them {WHERE}."
        )
    if len(given) > 1:
        raise BadRequest(
            f"The connection {connection.conn_id} has {' and '.join(given)}, of which only one can count; "
            f"remove what is out of date {WHERE}."
        )


def account_of_fields(connection: Connection, extra: Mapping[str, Any]) -> Account:
    """What host, login, password and the extra fields say."""
    host, login = connection.host or "", connection.login or ""
    suffix = str(extra.get("endpoint_suffix") or "")
    if not host and login and suffix:
        host = f"https://{login}.blob.{suffix.strip('.')}"
    key = connection.password or next((str(extra[name]) for name in KEY_FIELDS if extra.get(name)), "")
    return Account(as_endpoint(host), login, key)


def account_of_token(token: str) -> Account:
    """What a signature says: a query string, or a URL that begins with the endpoint."""
    if not token:
        return Account()
    parts = urlsplit(token)
    endpoint = f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
    return Account(endpoint, sas=query_of(token))


def account_of_string(connection: Connection, text: str) -> Account:
    """What a connection string says, with `BlobEndpoint`, or with `AccountName` and `EndpointSuffix`.

    Source: https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string.

    Raises:
        BadRequest: It has no endpoint, or not one of key and signature.
    """
    pairs = (part.partition("=") for part in text.split(";") if part.strip())
    said = {name.strip().lower(): value.strip() for name, _, value in pairs}
    name, key, sas = (said.get(one, "") for one in ("accountname", "accountkey", "sharedaccesssignature"))
    endpoint = said.get("blobendpoint", "")
    if not endpoint and name:
        scheme, suffix = (
            said.get("defaultendpointsprotocol", "https"),
            said.get("endpointsuffix", PUBLIC_SUFFIX),
        )
        endpoint = f"{scheme}://{name}.blob.{suffix}"
    lacking = "BlobEndpoint or AccountName" if not endpoint else "" if key or sas else "AccountKey"
    if lacking or (key and sas):
        problem = f"lacks {lacking}" if lacking else "has AccountKey and SharedAccessSignature"
        raise BadRequest(
            f"The connection_string of the connection {connection.conn_id} {problem}; copy it again, with "
            "BlobEndpoint, AccountName and either AccountKey or SharedAccessSignature."
        )
    return Account(as_endpoint(endpoint), name, key, query_of(sas))


def joined(connection: Connection, fields: Account, other: Account, default_suffix: str) -> Account:
    """The account that two parts of the connection speak of.

    Raises:
        BadRequest: They speak of two, or of none that can be found.
    """
    for what, ours, theirs in (
        ("host", fields.endpoint, other.endpoint),
        ("login", fields.name, other.name),
    ):
        if ours and theirs and ours != theirs:
            raise BadRequest(
                f"The {what} of the connection {connection.conn_id} says {ours}, its extra {theirs}; keep "
                f"the one that is right {WHERE}."
            )
    name, endpoint = fields.name or other.name, fields.endpoint or other.endpoint
    if not endpoint and name and default_suffix:
        endpoint = f"https://{name}.blob.{default_suffix}"
    endpoint = required(connection, "host", endpoint)
    account = Account(endpoint, name or account_in(endpoint), fields.key or other.key, other.sas)
    if account.key:
        required(connection, "login", account.name)
    return account


def as_endpoint(host: str) -> str:
    """A host as an https address without a slash at the end; another scheme stays for all to see."""
    return (host if "://" in host or not host else f"https://{host}").rstrip("/")


def account_in(endpoint: str) -> str:
    """The account that an endpoint names as `<account>.blob.<suffix>`; empty for one of another style."""
    name, _, rest = (urlsplit(endpoint).hostname or "").partition(".")
    return name if rest.startswith("blob.") else ""


def api_version(connection: Connection, extra: Mapping[str, Any]) -> str:
    """The service version to speak.

    Raises:
        BadRequest: It is no version.
    """
    version = str(extra.get("api_version") or DEFAULT_API_VERSION)
    if VERSION.fullmatch(version):
        return version
    raise BadRequest(
        f"The api_version {version!r} of the connection {connection.conn_id} is no service version; write it "
        f"like {DEFAULT_API_VERSION}."
    )


def proxy(connection: Connection, address: str, forward_address: str) -> str:
    """The proxy between a site's VM and its blob store, `http://host:port`; empty for none.

    Args:
        connection: The connection.
        address: What it says of the proxy.
        forward_address: What the proxy is asked for, where that is not the endpoint itself.

    Raises:
        BadRequest: It is no such address; it has a password, which would stand in the forwarder's command; or
            it does not know what it is asked for.
    """
    if not address:
        return ""
    risk = "everybody on the VM could read; let the proxy admit the VM"
    found = proxy_address(connection, address, risk)
    if forward_address == HOST_GATEWAY:
        raise BadRequest(
            f"The connection {connection.conn_id} has proxy and forward_address, and a proxy does not know "
            f"the VM's own {HOST_GATEWAY}; remove one of them."
        )
    return found
