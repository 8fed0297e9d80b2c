"""The SDK's clients for a blob store of a Stack Hub, or of public Azure.

Two traps of azure-storage-blob are solved here. With a key and a host name that is not Azure's own, the SDK
cannot guess the account's name, so it is told (`AzureNamedKeyCredential`). And without `api_version` it
speaks its own newest version, which a Stack Hub refuses; for signatures, see `sas`.
"""

from __future__ import annotations

import atexit
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential
from azure.core.exceptions import AzureError, HttpResponseError
from azure.storage.blob import BlobServiceClient
from azure.storage.blob.aio import BlobServiceClient as AsyncBlobServiceClient

from edge_training.errors import BadRequest
from edge_training.site import BlobStore

Client = BlobServiceClient
AsyncClient = AsyncBlobServiceClient


def service_client(store: BlobStore) -> BlobServiceClient:
    """A client for a worker; proxies are those of the worker's environment.

    Raises:
        BadRequest: The SDK does not know the version.
    """
    try:
        return BlobServiceClient(**arguments(store))
    except ValueError as error:
        raise unknown_version(store, error) from None


def async_service_client(store: BlobStore) -> AsyncBlobServiceClient:
    """A client for a trigger; see `service_client`."""
    try:
        return AsyncBlobServiceClient(**arguments(store))
    except ValueError as error:
        raise unknown_version(store, error) from None


def try_listing(client: BlobServiceClient, container: str) -> str:
    """List one page: of a container's blobs, or of the containers where none is named.

    Returns:
        What is wrong, in a sentence without secrets; empty when nothing is.
    """
    once: dict[str, Any] = {"results_per_page": 1, "retry_total": 0}
    listing = (
        client.get_container_client(container).list_blob_names(**once)
        if container
        else client.list_containers(**once)
    )
    try:
        next(listing.by_page(), None)
    except HttpResponseError as error:
        code = getattr(error, "error_code", "")
        answer = f"{error.status_code} {getattr(code, 'value', code)}"
        return (
            f"The blob store {client.primary_hostname} answers {answer}; check the connection's key or "
            "signature, its api_version, and for a signature of one container the extra `container`."
        )
    except AzureError as error:  # its text may hold the address with the signature
        return (
            f"The blob store {client.primary_hostname} cannot be reached from here ({type(error).__name__}); "
            "check host, ca_pem and the worker's way to it."
        )
    return ""


def arguments(store: BlobStore) -> dict[str, Any]:
    """What both clients are made with."""
    return {
        "account_url": store.endpoint,
        "credential": AzureSasCredential(store.sas)
        if store.sas
        else AzureNamedKeyCredential(store.account, store.key),
        "api_version": store.api_version,
        **({"connection_verify": file_of(store.ca_pem)} if store.ca_pem else {}),
    }


def unknown_version(store: BlobStore, error: ValueError) -> BadRequest:
    """The one sentence for what the SDK does not take."""
    if "API version" not in str(error):
        raise error
    return BadRequest(
        f"azure-storage-blob does not speak version {store.api_version} of the service; set api_version of "
        "the blob connection to one that it lists, such as 2019-02-02."
    )


@cache
def file_of(pem: str) -> str:
    """A file with these certificates, until the process ends: the SDK takes them from files only."""
    descriptor, path = tempfile.mkstemp(prefix="edge-ca-", suffix=".pem")
    with os.fdopen(descriptor, "w") as file:
        file.write(pem)
    atexit.register(Path(path).unlink, missing_ok=True)
    return path
