"""The names of an MLflow server's bad answers, and how long they are waited for."""

from __future__ import annotations

import base64
import json
import os

import pytest
from tests.standins.blob_server import Answer, ScriptedServer, scripted_server
from tests.standins.certificates import certificates

from edge_training.adapters.mlflow.registry import MlflowRegistry
from edge_training.adapters.mlflow.session import MlflowSession
from edge_training.errors import ModelRegistryRefused, ModelRegistryUnavailable

NOTHING_FOUND = Answer(200, b"{}")


def find(server: ScriptedServer, **options):
    settings = {"user": "edge", "password": "secret", "ca_file": str(certificates().ca_file), "patience_s": 0}
    session = MlflowSession(server.endpoint, **{**settings, **options})
    return MlflowRegistry(session).find("flights", "5" * 64)


def failure(code: str, message: str) -> bytes:
    return json.dumps({"error_code": code, "message": message}).encode()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(401, b"You are not authenticated"), "You are not authenticated"),
        (Answer(403, failure("PERMISSION_DENIED", "Permission denied")), "Permission denied"),
    ],
)
def test_a_refused_user_is_named_with_the_remedy(answer, said):
    with (
        scripted_server(answer) as server,
        pytest.raises(ModelRegistryRefused, match=r"user 'edge' .*correct login and password") as caught,
    ):
        find(server)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)
    assert len(server.requests) == 1


def test_a_refused_request_names_what_to_correct():
    bad = Answer(400, failure("INVALID_PARAMETER_VALUE", "Invalid model name"))

    with (
        scripted_server(bad) as server,
        pytest.raises(ModelRegistryRefused, match=r"Invalid model name.*correct the name"),
    ):
        find(server)


def test_a_server_in_trouble_is_asked_again():
    with scripted_server(Answer(503), NOTHING_FOUND) as server:
        assert find(server, patience_s=20) is None
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_patience_has_an_end(status):
    with (
        scripted_server(Answer(status)) as server,
        pytest.raises(ModelRegistryUnavailable, match="start it or mend the network"),
    ):
        find(server)
    assert len(server.requests) == 1


def test_an_untrusted_certificate_is_no_reason_to_wait():
    with scripted_server(NOTHING_FOUND) as server, pytest.raises(ModelRegistryRefused, match="not trusted"):
        find(server, ca_file=None, patience_s=60)


def test_a_private_authority_is_trusted_whatever_the_environment_says(monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, "/no/such/file.pem")

    with scripted_server(NOTHING_FOUND) as server:
        assert find(server) is None


def test_the_connections_login_is_used_and_the_environments_is_left_alone(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "somebody else's")
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME", raising=False)

    with scripted_server(NOTHING_FOUND) as server:
        find(server)

    (_, headers), *_ = server.requests
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")) == b"edge:secret"
    assert os.environ["MLFLOW_TRACKING_TOKEN"] == "somebody else's"
    assert "MLFLOW_TRACKING_USERNAME" not in os.environ
