"""Where a workspace of Azure Machine Learning is: for its services, and for people."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WorkspaceAddress:
    """Where a workspace is in Azure.

    Attributes:
        subscription_id: The Azure subscription.
        resource_group: The resource group.
        workspace: The workspace's name.
        tenant_id: The directory that people log in to.
    """

    subscription_id: str
    resource_group: str
    workspace: str
    tenant_id: str

    @property
    def names(self) -> tuple[str, str, str]:
        """Subscription, resource group and workspace, as all clients ask for them."""
        return self.subscription_id, self.resource_group, self.workspace

    @property
    def path(self) -> str:
        """The workspace's path in the resource manager and in every service of it."""
        return (
            f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.workspace}"
        )

    def link_to_file(self, run_id: str, path: str) -> str:
        """Where people find a run's file: the studio opens at the run, and the path says which it is.

        All before the path is the address that azureml-core gives of a run (`azureml/core/_portal.py`).
        """
        workspace = (
            f"/subscriptions/{self.subscription_id}/resourcegroups/{self.resource_group}"
            f"/workspaces/{self.workspace}"
        )
        return f"https://ml.azure.com/runs/{run_id}?wsid={workspace}&tid={self.tenant_id}#/{path}"
