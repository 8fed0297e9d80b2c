"""What both clients of a workspace of Azure Machine Learning are told: where it is, and who we are there."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge_training.adapters.azureml.address import WorkspaceAddress


@dataclass(frozen=True, kw_only=True)
class WorkspaceOptions:
    """The options of a registry that is a workspace, as they travel over the bridge.

    Attributes:
        subscription_id: The Azure subscription.
        resource_group: The resource group.
        workspace: The workspace's name.
        tenant_id: The directory of the service principal.
        client_id: The service principal's id.
        client_secret: Its secret.
        ca_file: Certificates to trust instead of those the machine trusts, for all of Azure's hosts.
        request_timeout_s: Longest silence of the service within one request.
        patience_s: How long a call is repeated while the service does not answer.
    """

    subscription_id: str
    resource_group: str
    workspace: str
    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)
    ca_file: str | None = None
    request_timeout_s: int = 60
    patience_s: float = 60.0

    @property
    def address(self) -> WorkspaceAddress:
        """Where the workspace is."""
        return WorkspaceAddress(self.subscription_id, self.resource_group, self.workspace, self.tenant_id)

    @property
    def principal(self) -> tuple[str, str, str]:
        """Directory, id and secret, as Azure's clients ask for them."""
        return self.tenant_id, self.client_id, self.client_secret

    @property
    def trusted(self) -> dict[str, str]:
        """The environment variables by which Azure's clients trust `ca_file`."""
        return dict.fromkeys(("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"), self.ca_file) if self.ca_file else {}
