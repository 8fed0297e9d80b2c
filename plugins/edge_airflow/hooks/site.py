"""A site's connections: `<site>_vm` (type ssh) and `<site>_blob` (type wasb).

`<site>_vm`: host, port, login; extra `private_key` (text) or `key_file`, `host_key` (required: an unknown
host is refused), `docker_socket`, `boot_id_path`, `deployment`.
`<site>_blob`: host (the account's endpoint), login (account), password (key); extra `api_version`, `ca_pem`,
`forward_address`.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from airflow.sdk import Connection
from airflow.sdk.configuration import conf
from asgiref.sync import sync_to_async

from edge_airflow.hooks.blob_connection import blob_store
from edge_airflow.hooks.fields import extra_of, required, text_of_file
from edge_airflow.hooks.lookups import LOOK_UP_ERRORS, ConnectionHook
from edge_training.errors import BadRequest, SecretsNeeded, SiteUnreachable
from edge_training.ports.bookmarks import Bookmarks
from edge_training.ports.edge_host import EdgeHost
from edge_training.renewal import Sign
from edge_training.sas import Grant
from edge_training.site import Site

if TYPE_CHECKING:
    from edge_training.adapters.ssh.target import SshTarget

DEFAULT_SSH_PORT = 22
DEFAULT_DOCKER_SOCKET = "/var/run/docker.sock"


class SiteHook(ConnectionHook):
    """Reads a site's connections.

    The VM's is read anew for each connection that is made, and used as it was when it cannot be read or makes
    no sense any more: where the line to a site is lost, the line to a secrets backend often is as well, and
    a slip in a connection must not end a watch.

    Args:
        site: The site's name; its connections begin with it.
    """

    def __init__(self, site: str) -> None:
        super().__init__()
        self.site_name = site
        self._target: SshTarget | None = None

    def site(self) -> Site:
        """The site's name and blob store."""
        connection = self.get_connection(f"{self.site_name}_blob")
        return Site(self.site_name, blob_store(connection))

    def deployment(self) -> str:
        """Which Airflow this is: the connection's extra `deployment`, else the address of its UI.

        Raises:
            BadRequest: It has neither; jobs that belong to nobody in particular could be stopped by anybody.
        """
        connection = self.get_connection(f"{self.site_name}_vm")
        name = extra_of(connection).get("deployment") or conf.get("api", "base_url", fallback="")
        if not name:
            raise BadRequest(
                f"This Airflow has no name for the site: add the extra `deployment` to {connection.conn_id}, "
                "or set base_url in Airflow's section [api]."
            )
        return str(name)

    def connect(self) -> AbstractAsyncContextManager[EdgeHost]:
        """The site's Docker engine, from a worker.

        Raises:
            BadRequest: There is no such connection, or a field of it cannot be right, and that was so before.
        """
        try:
            self._target = ssh_target(self.get_connection(f"{self.site_name}_vm"))
        except (BadRequest, *LOOK_UP_ERRORS) as error:
            if self._target is None:
                raise
            self._say_used_as_it_was(error)
        return engine(self._target)

    async def aconnect(self) -> AbstractAsyncContextManager[EdgeHost]:
        """The site's Docker engine, from a trigger.

        Raises:
            SiteUnreachable: Airflow cannot look the connection up, and could not before.
            BadRequest: There is no such connection, or a field of it cannot be right, and that was so before.
        """
        try:
            connection = await self.aget_connection(f"{self.site_name}_vm")
            self._target = await sync_to_async(ssh_target)(connection)
        except (BadRequest, *LOOK_UP_ERRORS) as error:
            if self._target is None:
                raise (error if isinstance(error, BadRequest) else SiteUnreachable(str(error))) from None
            self._say_used_as_it_was(error)
        return await sync_to_async(engine)(self._target)

    def signs(self, grant: Grant) -> Sign:
        """Makes access to the blob store anew, on a worker, of what the connection says then."""

        async def sign() -> dict[str, str]:
            try:
                return self.site().store.secrets(grant)
            except LOOK_UP_ERRORS as error:
                raise SecretsNeeded(str(error)) from None

        return sign

    def asigns(self, grant: Grant) -> Sign:
        """Makes access to the blob store anew, in a trigger, of what the connection says then."""

        async def sign() -> dict[str, str]:
            try:
                connection = await self.aget_connection(f"{self.site_name}_blob")
            except LOOK_UP_ERRORS as error:
                raise SecretsNeeded(str(error)) from None
            return (await sync_to_async(blob_store)(connection)).secrets(grant)

        return sign

    async def abookmarks(self) -> AbstractAsyncContextManager[Bookmarks]:
        """Where watches leave their places on the site that `aconnect` has found."""
        from edge_training.adapters.docker import vm_bookmarks

        if self._target is None:
            raise RuntimeError("abookmarks was called before aconnect; report this as a fault of ours.")
        return vm_bookmarks.connect(self._target)

    def _say_used_as_it_was(self, error: Exception) -> None:
        self.log.warning("The connection to %s is used as it was read last: %s", self.site_name, error)


def engine(target: SshTarget) -> AbstractAsyncContextManager[EdgeHost]:
    """The Docker engine of a VM, for the length of a `with`."""
    from edge_training.adapters.docker import over_ssh

    return over_ssh.connect(target)


def ssh_target(connection: Connection) -> SshTarget:
    """The VM behind a connection.

    Raises:
        BadRequest: A field that is needed is missing, or one cannot be right.
    """
    from edge_training.adapters.ssh.target import DEFAULT_BOOT_ID_PATH, SshTarget

    extra = extra_of(connection)
    key_file = extra.get("key_file")
    return SshTarget(
        host=required(connection, "host", connection.host),
        port=connection.port or DEFAULT_SSH_PORT,
        user=required(connection, "login", connection.login),
        private_key=text_of_file(connection, "key_file", key_file)
        if key_file
        else required(connection, "private_key", extra.get("private_key")),
        host_key=required(connection, "host_key", extra.get("host_key")),
        docker_socket=extra.get("docker_socket") or DEFAULT_DOCKER_SOCKET,
        boot_id_path=extra.get("boot_id_path") or DEFAULT_BOOT_ID_PATH,
    )
