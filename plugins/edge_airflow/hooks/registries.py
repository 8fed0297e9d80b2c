"""The registries' connections: the container registry's (type azure_container_registry) and the model
registry's (type http).
"""

from __future__ import annotations

from airflow.sdk import BaseHook

from edge_airflow.hooks.site import required
from edge_training.ports.edge_host import RegistryLogin
from edge_training.ports.image_registry import ImageRegistry
from edge_training.ports.model_registry import ModelRegistry


class ImageRegistryHook(BaseHook):
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
        ca_pem = self.get_connection(self.conn_id).extra_dejson.get("ca_pem")
        return OciRegistry(login.registry, login.user, login.password, ca_pem=ca_pem)


class ModelRegistryHook(BaseHook):
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
        from edge_training.adapters.mlflow_session import MlflowSession

        connection = self.get_connection(self.conn_id)
        session = MlflowSession(
            required(connection, "host", connection.host),
            user=connection.login or None,
            password=connection.password or None,
            ca_file=connection.extra_dejson.get("ca_file"),
        )
        return MlflowRegistry(session)
