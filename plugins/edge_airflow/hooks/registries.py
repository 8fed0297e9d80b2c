"""The registries' connections: the container registry's (type azure_container_registry) and the model
registry's (type http).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Connection
from asgiref.sync import sync_to_async

from edge_airflow.hooks.fields import certificates, certificates_file, required
from edge_airflow.hooks.lookups import ConnectionHook
from edge_training.ports.edge_host import RegistryLogin
from edge_training.ports.image_registry import ImageRegistry
from edge_training.ports.model_registry import ModelRegistry
from edge_training.ports.tracking import LogArchive, RunTracker
from edge_training.ports.validations import ValidationArchive

if TYPE_CHECKING:
    from edge_training.adapters.mlflow_session import MlflowSession


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
        from edge_training.adapters.oci_registry import OciRegistry

        login = self.login()
        ca_pem = certificates(self.get_connection(self.conn_id), "ca_pem")
        return OciRegistry(login.registry, login.user, login.password, ca_pem=ca_pem)


class ModelRegistryHook(ConnectionHook):
    """Reads the model registry's connection: host, an MLflow tracking URI; login and password where it
    asks for them; extra `ca_file` for a private authority.

    Args:
        conn_id: The connection.
    """

    def __init__(self, conn_id: str) -> None:
        super().__init__()
        self.conn_id = conn_id

    def client(self) -> ModelRegistry:
        """The registry's client."""
        from edge_training.adapters.mlflow_registry import MlflowRegistry

        return MlflowRegistry(self._session())

    def log_archive(self) -> LogArchive:
        """Where raw logs are kept."""
        from edge_training.adapters.mlflow_logs import MlflowLogArchive

        return MlflowLogArchive(self._session())

    def validations(self) -> ValidationArchive:
        """Where reports on data are kept."""
        from edge_training.adapters.mlflow_validations import MlflowValidationArchive

        return MlflowValidationArchive(self._session())

    def tracker(self) -> RunTracker:
        """The tracker of trainings, from a worker."""
        return tracker_of(self.get_connection(self.conn_id))

    async def atracker(self) -> RunTracker:
        """The tracker of trainings, from a trigger."""
        return await sync_to_async(tracker_of)(await self.aget_connection(self.conn_id))

    def _session(self) -> MlflowSession:
        from edge_training.adapters.mlflow_session import MlflowSession

        return MlflowSession(**server_of(self.get_connection(self.conn_id)))


def tracker_of(connection: Connection) -> RunTracker:
    """The tracker behind a connection; MLflow's client is not imported for it."""
    from edge_training.adapters.mlflow_tracker import MlflowTracker

    return MlflowTracker(**server_of(connection))


def server_of(connection: Connection) -> dict[str, Any]:
    """Where an MLflow server is and who we are there.

    Raises:
        BadRequest: The connection names no host, or no certificate by its `ca_file`.
    """
    return {
        "url": required(connection, "host", connection.host),
        "user": connection.login or None,
        "password": connection.password or None,
        "ca_file": certificates_file(connection, "ca_file"),
    }
