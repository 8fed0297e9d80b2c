"""The names of what goes wrong at a workspace, whichever of azureml-core's exceptions brings it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from edge_training.adapters.azureml.faults import answer_of, login_refused, named
from edge_training.adapters.patience import RETRY_AFTER
from edge_training.errors import ModelRegistryRefused, ModelRegistryUnavailable

WORKSPACE = "/subscriptions/s/workspaces/edge"


@dataclass
class RequestsAnswer:
    """An answer as requests has it."""

    status_code: int
    text: str = ""
    headers: dict = field(default_factory=dict)


@dataclass
class AzureAnswer:
    """An answer as msrest and azure-core have it."""

    status_code: int
    body: str = ""
    headers: dict = field(default_factory=dict)

    def text(self) -> str:
        return self.body


class ClientError(Exception):
    """An exception of a client with the answer that it is about."""

    def __init__(self, answer) -> None:
        super().__init__("Operation returned an invalid status code")
        self.response = answer


class Unprintable(Exception):
    """As ServiceException: it reads what may be missing when it is printed."""

    def __str__(self) -> str:
        raise TypeError("'NoneType' object is not iterable")


def data_plane(code: str, message: str = "It says so.") -> str:
    return json.dumps({"error": {"code": "UserError", "message": message, "innerError": {"code": code}}})


def resource_manager(code: str) -> str:
    return json.dumps({"error": {"code": code, "message": "It says so."}})


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (
            AzureAnswer(401, data_plane("ExpiredAuthenticationToken")),
            ModelRegistryRefused,
            "renew its secret",
        ),
        (
            RequestsAnswer(403, resource_manager("AuthorizationFailed")),
            ModelRegistryRefused,
            "give it the role",
        ),
        (AzureAnswer(404, data_plane("NotFoundError")), ModelRegistryRefused, "correct subscription"),
        (AzureAnswer(409, data_plane("QuotaExceeded")), ModelRegistryRefused, "have the quota raised"),
        (RequestsAnswer(403, resource_manager("OperationQuotaExceeded")), ModelRegistryRefused, "quota"),
        (AzureAnswer(400, data_plane("ImmutableProperty")), ModelRegistryRefused, "correct the name"),
        (AzureAnswer(429, data_plane("TooManyRequests")), ModelRegistryUnavailable, "too busy"),
        (
            RequestsAnswer(503, "<html>Service Unavailable</html>"),
            ModelRegistryUnavailable,
            "Unavailable</html>",
        ),
        (RequestsAnswer(500, "[]"), ModelRegistryUnavailable, "out of order"),
    ],
)
def test_an_answer_has_one_name_and_a_remedy(answer, kind, said):
    error = named(WORKSPACE, "edge", ClientError(answer))
    assert type(error) is kind
    assert said in str(error)
    assert WORKSPACE in str(error)


@pytest.mark.parametrize(("told", "expected_s"), [("7", 7.0), ("Fri, 27 Nov 2026 03:00:00 GMT", 0.0)])
def test_a_busy_service_is_given_the_time_it_asks_for(told, expected_s):
    error = named(WORKSPACE, "edge", ClientError(AzureAnswer(429, "", {"Retry-After": told})))
    assert error.details[RETRY_AFTER] == expected_s


def test_the_answer_behind_an_exception_counts():
    def fail() -> None:
        try:
            raise ClientError(AzureAnswer(409, data_plane("Conflict")))
        except ClientError:
            raise Unprintable from None

    with pytest.raises(Unprintable) as caught:
        fail()
    answer = answer_of(caught.value)
    assert (answer.status, answer.code) == (409, "Conflict")


def test_a_status_that_azureml_core_only_prints_is_read():
    error = Exception("Received bad response from Resource Provider:\nResponse Code: 403\nHeaders: {}")
    assert answer_of(error).status == 403


@pytest.mark.parametrize("error", [ConnectionError("reset by peer"), Unprintable()], ids=type)
def test_without_an_answer_the_network_is_at_fault(error):
    assert type(named(WORKSPACE, "edge", error)) is ModelRegistryUnavailable


def test_a_certificate_that_nobody_vouches_for_is_told_from_silence():
    error = named(WORKSPACE, "edge", OSError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"))
    assert type(error) is ModelRegistryRefused
    assert "ca_file" in str(error)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError("no way to /c/b?sv=1&sig=SECRET%3D&se=2"),
        ClientError(AzureAnswer(403, data_plane("AuthenticationFailed", "at https://b/?sig=SECRET"))),
    ],
    ids=lambda error: type(error).__name__,
)
def test_no_signature_is_told(error):
    assert "SECRET" not in str(named(WORKSPACE, "edge", error))


def test_a_login_that_is_refused_names_directory_and_principal():
    error = login_refused(WORKSPACE, "contoso", "edge", ValueError("AADSTS90002: Tenant not found."))
    assert type(error) is ModelRegistryRefused
    assert "'contoso' does not let the service principal 'edge' in" in str(error)
    assert "AADSTS90002" in str(error)


def test_a_login_that_is_out_of_order_is_waited_for():
    error = login_refused(WORKSPACE, "contoso", "edge", ClientError(AzureAnswer(503)))
    assert type(error) is ModelRegistryUnavailable
