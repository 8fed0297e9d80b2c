"""An Azure Machine Learning workspace as a server of MLflow's protocol: who we are there, and what it does in
another way than MLflow's own server.

It runs in the interpreter of requirements-azureml.txt only, where azureml-mlflow makes MLflow's client speak
to `azureml://` addresses. A workspace has no aliases, does not search versions by their tags, takes less in
one request, and keeps files in its own storage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from edge_training.adapters.azureml import limits as azureml_limits
from edge_training.adapters.azureml.address import WorkspaceAddress
from edge_training.adapters.azureml.faults import Answer, experiment_gone, login_refused, named, refused
from edge_training.adapters.azureml.options import WorkspaceOptions
from edge_training.adapters.azureml_mlflow.files import WorkspaceFiles
from edge_training.adapters.causes import causes
from edge_training.adapters.mlflow import limits as mlflow_limits
from edge_training.adapters.mlflow import versions as mlflow_versions
from edge_training.adapters.mlflow.dialect import MlflowDialect
from edge_training.adapters.mlflow.refusals import CLASH
from edge_training.adapters.mlflow.session import MlflowSession, reason, status_of
from edge_training.errors import EdgeError, RequestRejected
from edge_training.ports.model_registry import CHAMPION_ALIAS, ModelVersion, Registration

if TYPE_CHECKING:
    from azure.identity import ClientSecretCredential
    from mlflow import MlflowClient

RESOURCE_MANAGER: Final = "https://management.azure.com"
SCOPE: Final = f"{RESOURCE_MANAGER}/.default"
WORKSPACES_VERSION: Final = "2022-05-01"
"""The first version of the resource manager's API that tells a workspace's tracking URI."""
OWN_TAGS: Final = 10
"""Of a run: training key, bundle, state and two logs; and what MLflow's client and the workspace add."""
PARAMS: Final = 200
"""Of a run. The limit is told in github.com/Azure/azure-sdk-for-python/issues/35685."""
OWN_PARAMS: Final = 2
"""Of a run: its ballot, and whose bundle lies at its root."""
CHAMPION_TAG: Final = CHAMPION_ALIAS
"""Of the model's experiment: the number of its champion; azureml-core's adapter writes the same one."""


class AzureMlMlflowSession(MlflowSession):
    """A workspace and who we are there."""

    def __init__(self, options: WorkspaceOptions) -> None:
        """Remember the workspace; nothing is sent and nothing is imported yet."""
        super().__init__(
            options.address.path,
            request_timeout_s=options.request_timeout_s,
            patience_s=options.patience_s,
        )
        self._options = options
        self._tracking_uri = ""
        self._credential: ClientSecretCredential | None = None
        self._artifacts: Any = None
        self._environment |= {
            "AZURE_TENANT_ID": options.tenant_id,
            "AZURE_CLIENT_ID": options.client_id,
            "AZURE_CLIENT_SECRET": options.client_secret,
            "MLFLOW_RUN_ID": None,  # with one, azureml-mlflow takes itself for a job of the workspace
            "AZUREML_RUN_ID": None,
            **options.trusted,
        }

    @property
    def dialect(self) -> MlflowDialect:
        """How a workspace does what MLflow's own server does in another way."""
        return AzureMlDialect(self._options.address, lambda: self._artifacts)

    def _client(self) -> MlflowClient:
        """MLflow's client, once we have a token and know where the workspace is."""
        from mlflow import MlflowClient

        token = self._logged_in().get_token(SCOPE).token
        if not self._tracking_uri:
            self._tracking_uri = self._found(token)
            self._artifacts = self._artifacts_of(self._tracking_uri)
        return MlflowClient(tracking_uri=self._tracking_uri, registry_uri=self._tracking_uri)

    def _logged_in(self) -> ClientSecretCredential:
        """Our own log-in, which says why it fails; azureml-mlflow's tries several and tells of none."""
        from azure.identity import ClientSecretCredential

        if self._credential is None:
            self._credential = ClientSecretCredential(*self._options.principal)
        return self._credential

    def _found(self, token: str) -> str:
        """The workspace's tracking URI, which has the name of its region in it."""
        import requests

        answer = requests.get(
            f"{RESOURCE_MANAGER}{self.url}",
            params={"api-version": WORKSPACES_VERSION},
            headers={"Authorization": f"Bearer {token}"},
            timeout=self._options.request_timeout_s,
        )
        answer.raise_for_status()
        return str(answer.json()["properties"]["mlFlowTrackingUri"])

    def _artifacts_of(self, tracking_uri: str) -> Any:
        """azureml-mlflow's own client of the workspace's artifacts, without retries of its own."""
        from azureml.mlflow._restclient.artifact import AzureMachineLearningWorkspaces

        host = tracking_uri.removeprefix("azureml://").partition("/")[0]
        return AzureMachineLearningWorkspaces(
            credential=self._logged_in(),
            base_url=f"https://{host}",
            credential_scopes=[SCOPE],
            retry_total=0,
            connection_timeout=self._options.request_timeout_s,
            read_timeout=self._options.request_timeout_s,
        ).artifacts

    def _faults(self) -> tuple[type[Exception], ...]:
        from azure.core.exceptions import AzureError

        return (*super()._faults(), AzureError)

    def _named(self, error: BaseException) -> EdgeError:
        from azure.core.exceptions import ClientAuthenticationError

        tenant_id, client_id = self._options.tenant_id, self._options.client_id
        if isinstance(error, ClientAuthenticationError) and not _is_silence(error):
            self._credential = None  # the next call logs in anew: the secret may be another by then
            return login_refused(self.url, tenant_id, client_id, error)
        answer = _answer(error)
        if answer is None:
            return named(self.url, client_id, error)
        if answer.code == CLASH:
            return super()._named(error)
        found = refused(self.url, client_id, answer)
        return RequestRejected(str(found)) if answer.status in (400, 404) else found


def _answer(error: BaseException) -> Answer | None:
    """What the workspace has answered to a call of MLflow's client; None when it was no such call, or it did
    not answer.
    """
    from mlflow.exceptions import MlflowException, RestException

    status = status_of(error) if isinstance(error, MlflowException) else None
    if status is None:
        return None
    body = error.json if isinstance(error, RestException) else {}
    told = body.get("Error") or {"Code": getattr(error, "error_code", ""), "Message": reason(error)}
    return Answer(int(body.get("statusCode", status)), str(told["Code"]), str(told["Message"]))


def _is_silence(error: BaseException) -> bool:
    """Whether nobody has answered; a log-in that fails has the same name in any case."""
    from azure.core.exceptions import ServiceRequestError, ServiceResponseError

    return any(isinstance(cause, ServiceRequestError | ServiceResponseError) for cause in causes(error))


class AzureMlDialect(MlflowDialect):
    """A workspace of Azure Machine Learning."""

    points_per_batch = azureml_limits.POINTS_PER_BATCH

    def __init__(self, address: WorkspaceAddress, artifacts: Callable[[], Any]) -> None:
        """Know the workspace.

        Args:
            address: Where it is.
            artifacts: azureml-mlflow's client of its artifacts, once logged in.
        """
        super().__init__(address.path)
        self._address = address
        self._artifacts = artifacts

    def require_writable(self, client: MlflowClient, registration: Registration) -> None:
        """See `MlflowDialect.require_writable`; the workspace has no version of MLflow's own."""
        mlflow_limits.require_writable(registration)
        azureml_limits.require_writable(registration, OWN_TAGS)
        azureml_limits.require_number("parameters", registration.params, PARAMS - OWN_PARAMS)

    def run_tags(self, tags: Mapping[str, str]) -> Mapping[str, str]:
        """See `MlflowDialect.run_tags`: what is too long for a run is cut there, the version has it whole."""
        return azureml_limits.cut(tags)

    def files(self, client: MlflowClient) -> WorkspaceFiles:
        """See `MlflowDialect.files`."""
        return WorkspaceFiles(self._artifacts(), self._address)

    def versions(self, client: MlflowClient, name: str, tags: Mapping[str, str]) -> list[ModelVersion]:
        """See `MlflowDialect.versions`: a workspace searches by name, the tags are compared here."""
        found = mlflow_versions.search(client, name, {})
        return [version for version in found if version.tags.items() >= tags.items()]

    def champion(self, client: MlflowClient, name: str) -> ModelVersion | None:
        """See `MlflowDialect.champion`."""
        experiment = client.get_experiment_by_name(name)
        version = None if experiment is None else experiment.tags.get(CHAMPION_TAG)
        return None if version is None else mlflow_versions.get_version(client, name, version)

    def promote(self, client: MlflowClient, version: ModelVersion) -> None:
        """See `MlflowDialect.promote`: one tag, written in one request."""
        experiment = client.get_experiment_by_name(version.name)
        if experiment is None:
            raise experiment_gone(version.name)
        client.set_experiment_tag(experiment.experiment_id, CHAMPION_TAG, version.version)
