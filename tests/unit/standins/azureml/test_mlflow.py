"""What passes the room of MLflow to the server behind it, and what does not."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from tests.standins.azureml.server import AzureMl, running_azureml
from tests.unit.standins.azureml.conftest import client_of


class Echo(BaseHTTPRequestHandler):
    """Answers with the path, the body and the headers that it got."""

    def answer(self) -> None:
        got = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        told = {"path": self.path, "body": json.loads(got or b"{}"), "headers": dict(self.headers)}
        body = json.dumps(told).encode()
        self.send_response_only(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer  # noqa: N815  # names http.server looks for

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture(scope="module")
def standin(tmp_path_factory) -> Iterator[AzureMl]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    folder = tmp_path_factory.mktemp("azureml")
    with running_azureml(folder, mlflow_url=f"http://127.0.0.1:{server.server_port}") as running:
        yield running
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def mlflow(standin) -> Iterator[httpx.Client]:
    """Asks the room of MLflow."""
    with client_of(standin) as client:
        client.base_url = f"{standin.workspace.tracking_uri.replace('azureml', 'https', 1)}/api/2.0/mlflow/"
        yield client


def said_by(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, the workspace's own word and MLflow's."""
    told = answer.json()
    assert told["statusCode"] == answer.status_code
    return answer.status_code, told["Error"]["Code"], told["error_code"]


def test_a_call_passes_without_the_workspaces_path_and_token(mlflow):
    told = mlflow.get("runs/get", params={"run_id": "a&b"}).json()
    assert told["path"] == "/api/2.0/mlflow/runs/get?run_id=a%26b"
    assert "Authorization" not in told["headers"]


def test_an_experiment_keeps_its_artifacts_in_the_workspaces_storage(mlflow, standin):
    told = mlflow.post("experiments/create", json={"name": "e", "artifact_location": "/etc"}).json()
    location = f"{standin.workspace.tracking_uri}/experiments/e/runs"
    assert told["body"] == {"name": "e", "artifact_location": location}


def test_nobody_passes_without_a_token(mlflow):
    answer = mlflow.get("runs/get", headers={"Authorization": ""})
    assert said_by(answer) == (401, "AuthenticationFailed", "UNAUTHENTICATED")


@pytest.mark.parametrize(
    ("method", "call"),
    [
        ("POST", "registered-models/alias"),
        ("POST", "registered-models/rename"),
        ("POST", "logged-models"),
        ("POST", "logged-models/search"),
        ("POST", "runs/log-inputs"),
        ("GET", "artifacts/list"),
    ],
)
def test_what_azure_ml_does_not_serve_is_answered_with_nothing(mlflow, method, call):
    answer = mlflow.request(method, call)
    assert (answer.status_code, answer.content) == (404, b"")


@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("experiments/create", {"name": "a/b"}),
        ("registered-models/create", {"name": "a/b"}),
        ("runs/set-tag", {"key": "k" * 101, "value": ""}),
        ("runs/set-tag", {"key": "k", "value": "v" * 1001}),
        ("runs/create", {"tags": [{"key": "k", "value": "v" * 1001}]}),
        ("runs/log-batch", {"tags": [{"key": "k", "value": "v" * 1001}]}),
        ("runs/log-batch", {"metrics": [{"key": "m" * 256, "value": 1.0}]}),
        ("runs/log-batch", {"metrics": [{"key": "m", "value": 1.0}] * 251}),
    ],
)
def test_what_is_too_long_or_misnamed_does_not_pass(mlflow, call, body):
    answer = mlflow.post(call, json=body)
    assert said_by(answer) == (400, "BadArgument", "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ("name='m'", 200),
        ("name ILIKE '%m%'", 200),
        ("tags.key = 'm'", 400),
        ("name='m' and tags.key='v'", 400),
    ],
)
def test_models_are_searched_by_name_only(mlflow, wanted, status):
    assert mlflow.get("model-versions/search", params={"filter": wanted}).status_code == status
