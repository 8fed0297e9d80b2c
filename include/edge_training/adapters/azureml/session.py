"""A session with an Azure Machine Learning workspace through azureml-core: who we are there, its patience,
and the names of its errors.

It runs in the interpreter of requirements-azureml.txt only. azureml-core repeats requests by itself, also
those that make something, so that one lost answer makes two versions; and it sleeps 32 s and more when it is
throttled. All of that is off: a whole call is safe to repeat, so it is repeated here, for a bounded time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from edge_training.adapters.azureml.faults import login_refused, named
from edge_training.adapters.azureml.options import WorkspaceOptions
from edge_training.adapters.patience import patiently
from edge_training.errors import ModelRegistryRefused

if TYPE_CHECKING:
    from azureml.core import Workspace
    from azureml.core.authentication import ServicePrincipalAuthentication

    from edge_training.adapters.azureml.client import AzureMlClient

T = TypeVar("T")

SETTINGS = {
    "AZUREML_DEFAULT_RETRIES": "0",
    "AZURE_CORE_COLLECT_TELEMETRY": "no",
}
"""Read by azureml-core when it is imported."""


class AzureMlSession:
    """One workspace and who we are there; made once in a process."""

    def __init__(self, options: WorkspaceOptions) -> None:
        """Remember the workspace, and prepare this process for azureml-core; nothing is sent yet."""
        self._options = options
        self._client: AzureMlClient | None = None
        os.environ.update(SETTINGS | options.trusted)

    @property
    def path(self) -> str:
        """Where the workspace is in Azure."""
        return self._options.address.path

    def link_to_file(self, run_id: str, path: str) -> str:
        """Where people find a run's file."""
        return self._options.address.link_to_file(run_id, path)

    def call(self, action: Callable[[AzureMlClient], T]) -> T:
        """Do something that is safe to repeat, until the service has answered or patience is at its end.

        Raises:
            ModelRegistryUnavailable: The service did not answer in time.
            ModelRegistryRefused: It refuses us or the request.
        """
        return patiently(lambda: self._call_once(action), self._options.patience_s)

    def _call_once(self, action: Callable[[AzureMlClient], T]) -> T:
        from azure.core.exceptions import AzureError
        from azureml.exceptions import AzureMLException
        from msrest.exceptions import ClientException
        from requests.exceptions import RequestException

        try:
            return action(self._entered())
        except (AzureMLException, ClientException, RequestException, AzureError) as error:
            found = named(self.path, self._options.client_id, error)
            if isinstance(found, ModelRegistryRefused):
                # The next call logs in anew: the secret or the rights may be others by then.
                self._client = None
            raise found from error

    def _entered(self) -> AzureMlClient:
        """The workspace's client, once logged in."""
        from edge_training.adapters.azureml.client import AzureMlClient

        if self._client is None:
            self._client = AzureMlClient(self._opened(), self._options.request_timeout_s)
        return self._client

    def _opened(self) -> Workspace:
        from azureml.core import Workspace

        return Workspace(*self._options.address.names, auth=self._logged_in())

    def _logged_in(self) -> ServicePrincipalAuthentication:
        from azureml.core.authentication import ServicePrincipalAuthentication
        from azureml.exceptions import AzureMLException
        from msal.exceptions import MsalError

        login = ServicePrincipalAuthentication(*self._options.principal)
        try:
            login.get_authentication_header()
        except (AzureMLException, MsalError, ValueError) as error:
            options = self._options
            raise login_refused(self.path, options.tenant_id, options.client_id, error) from error
        return login
