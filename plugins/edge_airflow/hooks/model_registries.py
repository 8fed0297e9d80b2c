"""The kinds of model registries that a connection may lead to, and what each gives: an MLflow server, whose
client lives here, or an Azure Machine Learning workspace, whose client lives in another interpreter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from airflow.sdk import Connection

from edge_airflow.hooks import azureml_connection
from edge_airflow.hooks.azureml_connection import AzureMl
from edge_airflow.hooks.compute_target import no_compute_target
from edge_airflow.hooks.fields import WHERE, certificates_file, extra_of, required
from edge_training.errors import BadRequest
from edge_training.ports.compute_target import ComputeTarget
from edge_training.ports.model_registry import ModelRegistry
from edge_training.ports.tracking import LogArchive, RunTracker
from edge_training.ports.validations import ValidationArchive

if TYPE_CHECKING:
    from edge_training.adapters.bridge.client import Bridge
    from edge_training.adapters.mlflow.session import MlflowSession

MLFLOW = "mlflow"


class FoundRegistry(Protocol):
    """The registry behind a connection, as each port of it."""

    def client(self) -> ModelRegistry:
        """Versions."""

    def log_archive(self) -> LogArchive:
        """Where raw logs are kept."""

    def validations(self) -> ValidationArchive:
        """Where reports on data are kept."""

    def tracker(self) -> RunTracker:
        """The tracker of trainings; from a worker or a trigger."""

    def compute_target(self) -> ComputeTarget:
        """The site's VM, as the registry's service knows it.

        Raises:
            BadRequest: The connection names none.
        """


def found_registry(connection: Connection, vm: Connection | None = None) -> FoundRegistry:
    """The registry of the connection's kind.

    Args:
        connection: The registry's.
        vm: That of the site whose VM is the compute target; None where there is none.

    Raises:
        BadRequest: There is no such kind, or a field that it needs is missing or cannot be right.
    """
    kind = extra_of(connection).get("kind") or MLFLOW
    if kind == MLFLOW:
        return MlflowServer(connection.conn_id, server_of(connection))
    if kind in azureml_connection.KINDS:
        return AzureMlWorkspace(connection.conn_id, azureml_connection.azureml(connection, vm))
    raise BadRequest(
        f"The kind {kind!r} of the connection {connection.conn_id} is none of "
        f"{', '.join((MLFLOW, *azureml_connection.KINDS))}; correct it {WHERE}."
    )


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


@dataclass(frozen=True)
class MlflowServer:
    """An MLflow server; implements `FoundRegistry`.

    Attributes:
        conn_id: The connection.
        server: See `server_of`.
    """

    conn_id: str
    server: dict[str, Any] = field(repr=False)

    def client(self) -> ModelRegistry:
        """See `FoundRegistry.client`."""
        from edge_training.adapters.mlflow.registry import MlflowRegistry

        return MlflowRegistry(self._session())

    def log_archive(self) -> LogArchive:
        """See `FoundRegistry.log_archive`."""
        from edge_training.adapters.mlflow.logs import MlflowLogArchive

        return MlflowLogArchive(self._session())

    def validations(self) -> ValidationArchive:
        """See `FoundRegistry.validations`."""
        from edge_training.adapters.mlflow.validations import MlflowValidationArchive

        return MlflowValidationArchive(self._session())

    def tracker(self) -> RunTracker:
        """See `FoundRegistry.tracker`; MLflow's client is not imported for it."""
        from edge_training.adapters.background_tracker import BackgroundTracker
        from edge_training.adapters.mlflow.api import MlflowApi

        return BackgroundTracker(lambda: MlflowApi(**self.server))

    def compute_target(self) -> ComputeTarget:
        """See `FoundRegistry.compute_target`."""
        raise no_compute_target(self.conn_id)

    def _session(self) -> MlflowSession:
        from edge_training.adapters.mlflow.session import MlflowSession

        return MlflowSession(**self.server)


@dataclass(frozen=True)
class AzureMlWorkspace:
    """An Azure Machine Learning workspace; implements `FoundRegistry`.

    Attributes:
        conn_id: Whoever uses the same connection shares the client's process.
        workspace: What the connection says.
    """

    conn_id: str
    workspace: AzureMl

    def client(self) -> ModelRegistry:
        """See `FoundRegistry.client`."""
        from edge_training.adapters.bridge.ports import BridgedRegistry

        return BridgedRegistry(self._bridge())

    def log_archive(self) -> LogArchive:
        """See `FoundRegistry.log_archive`."""
        from edge_training.adapters.bridge.ports import BridgedLogArchive

        return BridgedLogArchive(self._bridge())

    def validations(self) -> ValidationArchive:
        """See `FoundRegistry.validations`."""
        from edge_training.adapters.bridge.ports import BridgedValidationArchive

        return BridgedValidationArchive(self._bridge())

    def tracker(self) -> RunTracker:
        """See `FoundRegistry.tracker`.

        A bridge makes one call after the other. Live runs have one of their own, so that a log of gigabytes,
        which a triggerer keeps meanwhile, holds up nobody's metrics.
        """
        from edge_training.adapters.background_tracker import BackgroundTracker
        from edge_training.adapters.bridge.ports import BridgedAsyncTrainingRuns

        bridge = self._bridge("/live")
        return BackgroundTracker(lambda: BridgedAsyncTrainingRuns(bridge))

    def compute_target(self) -> ComputeTarget:
        """See `FoundRegistry.compute_target`."""
        from edge_training.adapters.bridge.ports import BridgedComputeTarget

        if "compute" not in self.workspace.options:
            raise no_compute_target(self.conn_id)
        return BridgedComputeTarget(self._bridge())

    def _bridge(self, purpose: str = "") -> Bridge:
        from edge_training.adapters.bridge.client import little_of_ours
        from edge_training.adapters.bridge.shared import Far, shared_bridge

        found = self.workspace
        far = Far(found.python, found.options, little_of_ours(found.proxy))
        return shared_bridge(f"{self.conn_id}{purpose}", far)
