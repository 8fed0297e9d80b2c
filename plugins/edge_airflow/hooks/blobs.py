"""The provider's blob hooks for the blob store of a Stack Hub: its versions, host names, private authority.

For tasks of your own on workers that reach the store; the pipeline's tasks never do, they work on the site.
What else the provider's hooks can do, they do: `load_file`, `check_for_blob`, `get_blobs_list` and so on.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.microsoft.azure.hooks.wasb import WasbAsyncHook, WasbHook
from airflow.sdk import Connection
from asgiref.sync import sync_to_async

from edge_airflow.hooks.blob_connection import PUBLIC_SUFFIX, SECRET_FIELDS, blob_store
from edge_airflow.hooks.fields import extra_of
from edge_airflow.hooks.lookups import LOOK_UP_ERRORS, ConnectionHook
from edge_training.errors import EdgeError
from edge_training.sas import Grant, read_sas

if TYPE_CHECKING:
    from edge_training.adapters.azure_blobs import AsyncClient, Client

SAS_LIFETIME = timedelta(hours=1)


class StackHubBlobHook(ConnectionHook, WasbHook):
    """A `WasbHook` for an Azure Stack Hub; public Azure works too.

    Its connection, of type `wasb`, is that of a site (docs/connections.md). Without key, signature and
    connection string, and for anonymous reading, it is the provider's own hook.
    """

    def get_conn(self) -> Client:
        """The SDK's client.

        Raises:
            BadRequest: A field of the connection cannot be right.
        """
        connection = self.get_connection(self.conn_id)
        if self.public_read or not has_secret(connection):
            return super().get_conn()
        from edge_training.adapters.azure_blobs import service_client

        return service_client(blob_store(connection, PUBLIC_SUFFIX))

    def delete_blobs(self, container_name: str, *blobs: str, **kwargs: Any) -> None:
        """Delete blobs one by one: the provider deletes them in a batch, which a Stack Hub does not know."""
        container = self._get_container_client(container_name)
        for blob in blobs:
            container.delete_blob(blob, **kwargs)
            self.log.info("Deleted the blob %s of the container %s.", blob, container_name)

    def container_sas(
        self, container: str, permissions: str = "rl", lifetime: timedelta = SAS_LIFETIME
    ) -> str:
        """Sign access to a container for the connection's version, which the SDK's generators do not.

        Args:
            container: The container.
            permissions: Letters of the service, in its order, e.g. `rl`.
            lifetime: How long it is valid.

        Returns:
            The query string.

        Raises:
            BadRequest: The connection has no key.
        """
        store = blob_store(self.get_connection(self.conn_id), PUBLIC_SUFFIX)
        return read_sas(
            account=store.account,
            key=store.key,
            grant=Grant(container, permissions),
            version=store.api_version,
            now=datetime.now(UTC),
            lifetime=lifetime,
        )

    def test_connection(self) -> tuple[bool, str]:
        """List what the connection lets one list: containers, or blobs of the one that its extra `container`
        names, which a signature for one container needs. The sentence holds no secret.
        """
        from edge_training.adapters.azure_blobs import try_listing

        try:
            connection = self.get_connection(self.conn_id)
            problem = try_listing(self.get_conn(), str(extra_of(connection).get("container") or ""))
        except (EdgeError, *LOOK_UP_ERRORS) as error:
            problem = str(error)
        return not problem, problem or "The blob store answers, and lets us list."


class StackHubBlobAsyncHook(StackHubBlobHook, WasbAsyncHook):
    """A `WasbAsyncHook` for an Azure Stack Hub, for triggers; see `StackHubBlobHook`."""

    async def get_async_conn(self) -> AsyncClient:
        """The SDK's asynchronous client; it is the caller's to close.

        Raises:
            BadRequest: A field of the connection cannot be right.
        """
        connection = await self.aget_connection(self.conn_id)
        if self.public_read or not has_secret(connection):
            return await super().get_async_conn()
        from edge_training.adapters.azure_blobs import async_service_client

        store = await sync_to_async(blob_store)(connection, PUBLIC_SUFFIX)
        self.blob_service_client = async_service_client(store)
        return self.blob_service_client


def has_secret(connection: Connection) -> bool:
    """Whether the connection brings a key, signature or connection string of its own."""
    extra = extra_of(connection)
    if extra.get("tenant_id"):
        return False  # the password is that of an application in Microsoft Entra ID
    return bool(connection.password or any(extra.get(name) for name in SECRET_FIELDS))
