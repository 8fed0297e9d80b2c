"""Opens an Azure Machine Learning workspace for the other end of the bridge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge_training.adapters.azureml.computes import Machine, SiteCompute
from edge_training.adapters.azureml.logs import AzureMlLogArchive
from edge_training.adapters.azureml.options import WorkspaceOptions
from edge_training.adapters.azureml.registry import AzureMlRegistry
from edge_training.adapters.azureml.runs import AzureMlRuns
from edge_training.adapters.azureml.session import AzureMlSession
from edge_training.adapters.azureml.validations import AzureMlValidationArchive


def open_azureml(*, compute: Mapping[str, Any] | None = None, **workspace: Any) -> Mapping[str, object]:
    """What a workspace is to us, by the names of `bridge.server.PORTS`.

    Args:
        compute: The site's VM, which is kept attached as compute target; see `Machine` for its fields.
        workspace: See `WorkspaceOptions`.
    """
    session = AzureMlSession(WorkspaceOptions(**workspace))
    site_compute = SiteCompute(session, Machine(**compute)) if compute else None
    ports: dict[str, object] = {
        "registry": AzureMlRegistry(session, site_compute),
        "runs": AzureMlRuns(session, site_compute),
        "logs": AzureMlLogArchive(session, site_compute),
        "validations": AzureMlValidationArchive(session),
    }
    return ports | ({"compute": site_compute} if site_compute else {})
