"""The one workspace that the stand-in has, and the names of the hosts that it stands for.

The hosts are those of public Azure, so that the clients run with the settings they have there. They lead to
the stand-in because the clients are told of a proxy (`HTTPS_PROXY`), see `server`.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

RESOURCE_MANAGER = "management.azure.com"
LOGIN = "login.microsoftonline.com"
BLOB_HOSTS = ".blob.core.windows.net"
SCOPE_PATH = (
    "/subscriptions/{subscription}/resourceGroups/{group}"
    "/providers/Microsoft.MachineLearningServices/workspaces/{workspace}"
)
"""The path of a workspace in every service, as a route."""


@dataclass(frozen=True)
class Workspace:
    """Names of a workspace and of what belongs to it.

    Attributes:
        subscription: Id of the subscription.
        group: Name of the resource group.
        name: Name of the workspace.
        location: Azure region; it is part of the data plane's host name.
        account: Name of the storage account that keeps artifacts.
        tenant: Id of the directory that gives out tokens.
    """

    subscription: str = "11111111-2222-3333-4444-555555555555"
    group: str = "edge-group"
    name: str = "edge-workspace"
    location: str = "westeurope"
    account: str = "edgeworkspacestore"
    tenant: str = "99999999-8888-7777-6666-555555555555"

    @property
    def scope(self) -> str:
        """The workspace's path in every service."""
        return SCOPE_PATH.format(subscription=self.subscription, group=self.group, workspace=self.name)

    @property
    def id(self) -> str:
        """The workspace's own id; another workspace of the same name has another."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, self.scope))

    @property
    def services(self) -> str:
        """Host of the data plane: history, metrics, artifacts, models, MLflow."""
        return f"{self.location}.api.azureml.ms"

    @property
    def blobs(self) -> str:
        """Host of the storage account."""
        return f"{self.account}{BLOB_HOSTS}"

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every host that the stand-in stands for."""
        return (self.services, self.blobs, RESOURCE_MANAGER, LOGIN)

    @property
    def tracking_uri(self) -> str:
        """What an MLflow client is given as tracking and registry URI."""
        return f"azureml://{self.services}/mlflow/v2.0{self.scope}"
