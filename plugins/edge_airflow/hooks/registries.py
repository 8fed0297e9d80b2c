"""The registries' connections: the container registry's (type azure_container_registry) and the model
registry's (type http).
"""

from __future__ import annotations

from asgiref.sync import sync_to_async

from edge_airflow.hooks.compute_target import site_of
from edge_airflow.hooks.fields import certificates, required
from edge_airflow.hooks.lookups import ConnectionHook
from edge_airflow.hooks.model_registries import FoundRegistry, found_registry
from edge_training.ports.compute_target import ComputeTarget
from edge_training.ports.edge_host import RegistryLogin
from edge_training.ports.image_registry import ImageRegistry
from edge_training.ports.model_registry import ModelRegistry
from edge_training.ports.tracking import LogArchive, RunTracker
from edge_training.ports.validations import ValidationArchive


class ImageRegistryHook(ConnectionHook):
    """Reads the container registry's connection: host, login, password; extra `ca_pem`.

    Args:
        conn_id: The connection.
    """

    def __init__(self, conn_id: str) -> None:
        super().__init__()
        self.conn_id = conn_id

    def login(self) -> RegistryLogin:
        """Host, user and password."""
        connection = self.get_connection(self.conn_id)
        return RegistryLogin(
            registry=required(connection, "host", connection.host),
            user=required(connection, "login", connection.login),
            password=required(connection, "password", connection.password),
        )

    def client(self) -> ImageRegistry:
        """The registry's client."""
        from edge_training.adapters.oci.registry import OciRegistry

        login = self.login()
        ca_pem = certificates(self.get_connection(self.conn_id), "ca_pem")
        return OciRegistry(login.registry, login.user, login.password, ca_pem=ca_pem)


class ModelRegistryHook(ConnectionHook):
    """Reads the model registry's connection; its extra `kind` says what it leads to, an MLflow server unless
    told otherwise (docs/connections.md has the fields of each).

    Args:
        conn_id: The connection.
    """

    def __init__(self, conn_id: str) -> None:
        super().__init__()
        self.conn_id = conn_id

    def client(self) -> ModelRegistry:
        """The registry's client."""
        return self._found().client()

    def log_archive(self) -> LogArchive:
        """Where raw logs are kept."""
        return self._found().log_archive()

    def validations(self) -> ValidationArchive:
        """Where reports on data are kept."""
        return self._found().validations()

    def tracker(self) -> RunTracker:
        """The tracker of trainings, from a worker."""
        return self._found().tracker()

    def compute_target(self) -> ComputeTarget:
        """The site's VM, as the registry's service knows it.

        Raises:
            BadRequest: The connection names none.
        """
        return self._found().compute_target()

    async def atracker(self) -> RunTracker:
        """The tracker of trainings, from a trigger."""
        connection = await self.aget_connection(self.conn_id)
        site = site_of(connection)
        vm = await self.aget_connection(f"{site}_vm") if site else None
        return await sync_to_async(lambda: found_registry(connection, vm).tracker())()

    def _found(self) -> FoundRegistry:
        connection = self.get_connection(self.conn_id)
        site = site_of(connection)
        return found_registry(connection, self.get_connection(f"{site}_vm") if site else None)
