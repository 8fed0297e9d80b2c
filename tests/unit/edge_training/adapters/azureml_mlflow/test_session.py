"""How a workspace answers MLflow's client, in our words, and where it differs from MLflow's own server."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from mlflow.entities import Experiment, ExperimentTag
from mlflow.entities.model_registry import ModelVersion as MlflowVersion
from mlflow.entities.model_registry import ModelVersionTag
from mlflow.exceptions import MlflowException, RestException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
from mlflow.store.entities import PagedList

from edge_training.adapters.azureml.options import WorkspaceOptions
from edge_training.adapters.azureml_mlflow.session import AzureMlMlflowSession
from edge_training.errors import ModelRegistryRefused, ModelRegistryUnavailable, RequestRejected
from edge_training.ports.model_registry import ModelVersion

TOO_MANY_ROWS = {
    "Error": {
        "Code": "ValidationError",
        "Message": "A field of the entity is over the size limit. FieldName=MetricV2Dto.Value/Count",
        "Details": [],
    },
    "Correlation": {"operation": "24cb9d75", "request": "181a3823"},
    "Environment": "westeurope",
    "ComponentName": "mlflow",
    "statusCode": 400,
    "error_code": "INVALID_PARAMETER_VALUE",
}
"""What a workspace has answered to too many points (github.com/mlflow/mlflow/issues/11462)."""


class LoggedIn(AzureMlMlflowSession):
    """A session whose log-in is behind it; its client is a test's."""

    def __init__(self, client: Any = None) -> None:
        super().__init__(
            WorkspaceOptions(
                subscription_id="sub",
                resource_group="group",
                workspace="factory",
                tenant_id="tenant",
                client_id="client",
                client_secret="hunter2",
                patience_s=0,
            )
        )
        self._made = client

    def _client(self) -> Any:
        return self._made


def named(error: Exception) -> Exception:
    """What a caller is told when the client raises this."""

    def fail(_: Any) -> None:
        raise error

    with pytest.raises((ModelRegistryRefused, ModelRegistryUnavailable)) as caught:
        LoggedIn().call(fail)
    assert "hunter2" not in str(caught.value)
    return caught.value


def answered(status: int, code: str) -> RestException:
    error = {"Code": code, "Message": "Its sentence."}
    return RestException({"Error": error, "statusCode": status, "error_code": "INVALID_PARAMETER_VALUE"})


def test_a_request_that_was_read_and_is_not_wanted_is_told_in_the_workspaces_words():
    error = named(RestException(TOO_MANY_ROWS))
    assert type(error) is RequestRejected
    assert "(400 ValidationError: A field of the entity is over the size limit." in str(error)


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (answered(401, "ExpiredAuthenticationToken"), ModelRegistryRefused, "renew its secret"),
        (answered(403, "AuthorizationFailed"), ModelRegistryRefused, "role AzureML Data Scientist"),
        (answered(404, "UserError"), RequestRejected, "was not found"),
        (answered(409, "QuotaExceeded"), ModelRegistryRefused, "have the quota raised"),
        (answered(429, "TooManyRequests"), ModelRegistryUnavailable, "too busy"),
        (answered(503, "ServiceUnavailable"), ModelRegistryUnavailable, "out of order"),
        (MlflowException("no such run", RESOURCE_DOES_NOT_EXIST), RequestRejected, "was not found"),
        (ClientAuthenticationError("AADSTS7000215"), ModelRegistryRefused, "correct tenant, client id"),
        (ServiceRequestError("no route"), ModelRegistryUnavailable, "mend the network"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_what_goes_wrong_has_a_name_and_a_remedy(error, kind, said):
    found = named(error)
    assert type(found) is kind
    assert said in str(found)


def test_a_log_in_that_nobody_answers_is_tried_again():
    error = ClientAuthenticationError("Authentication failed: no route")
    error.__cause__ = ServiceRequestError("no route")
    assert type(named(error)) is ModelRegistryUnavailable


def version(number: str, **tags: str) -> MlflowVersion:
    return MlflowVersion("flights", number, 0, tags=[ModelVersionTag(*tag) for tag in tags.items()])


def test_versions_are_asked_for_by_name_and_their_tags_compared_here():
    asked = []

    def search(query: str, *_: Any, **__: Any) -> PagedList:
        asked.append(query)
        return PagedList([version("10", site="a"), version("9", site="a", image="i"), version("2")], None)

    client = SimpleNamespace(search_model_versions=search)
    found = LoggedIn().dialect.versions(client, "flights", {"site": "a"})

    assert asked == ["name = 'flights'"]
    assert [each.version for each in found] == ["9", "10"]


def test_what_is_too_long_for_a_run_is_cut_there():
    tags = LoggedIn().dialect.run_tags({"gates": "g" * 1001, "site": "a"})
    assert tags == {"gates": "g" * 997 + "...", "site": "a"}


def test_the_champion_is_a_tag_of_the_models_experiment():
    written = []
    experiment = Experiment("7", "flights", "", "active", tags=[ExperimentTag("champion", "2")])
    client = SimpleNamespace(
        get_experiment_by_name={"flights": experiment}.get,
        get_model_version=lambda name, number: version(number),
        set_experiment_tag=lambda *tag: written.append(tag),
    )
    dialect = LoggedIn().dialect

    assert dialect.champion(client, "flights").version == "2"
    assert dialect.champion(client, "of-nobody") is None
    dialect.promote(client, ModelVersion("flights", "3", {}, "run", "source"))
    assert written == [("7", "champion", "3")]
    with pytest.raises(ModelRegistryRefused, match="experiment of-nobody is gone"):
        dialect.promote(client, ModelVersion("of-nobody", "3", {}, "run", "source"))


def test_people_are_led_to_the_run_in_the_studio():
    run = SimpleNamespace(info=SimpleNamespace(run_id="r1"))
    link = LoggedIn().dialect.files(None).link("Model card", run, "card/card.html")
    scope = "/subscriptions/sub/resourcegroups/group/workspaces"
    assert (
        link == f"[Model card](https://ml.azure.com/runs/r1?wsid={scope}/factory&tid=tenant#/card/card.html)"
    )
