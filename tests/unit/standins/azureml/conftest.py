"""The stand-in, and a plain HTTP client that finds it as the real clients do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.standins.azureml.server import AzureMl, running_azureml

from local_site.health import ssl_context


@pytest.fixture
def folder(tmp_path) -> Path:
    """Where the stand-in keeps everything."""
    folder = tmp_path / "azureml"
    folder.mkdir()
    return folder


@pytest.fixture(scope="package")
def running(tmp_path_factory) -> Iterator[AzureMl]:
    """One for all tests that leave it as it is."""
    with running_azureml(tmp_path_factory.mktemp("azureml")) as standin:
        yield standin


@pytest.fixture
def azureml(running) -> AzureMl:
    """A workspace without anything."""
    running.forget()
    return running


@pytest.fixture
def http(azureml) -> Iterator[httpx.Client]:
    """A client with a valid token."""
    with client_of(azureml) as client:
        yield client


def client_of(azureml: AzureMl) -> httpx.Client:
    """A client with a valid token."""
    return httpx.Client(
        proxy=f"http://{azureml.proxy}",
        verify=ssl_context(azureml.ca_file),
        trust_env=False,
        headers={"Authorization": f"Bearer {azureml.tokens.give()}"},
    )


class Urls:
    """Addresses of what the tests ask for."""

    def __init__(self, azureml: AzureMl) -> None:
        workspace = azureml.workspace
        services, scope = f"https://{workspace.services}", workspace.scope
        self.arm = f"https://management.azure.com{scope}"
        self.login = f"https://login.microsoftonline.com/{workspace.tenant}/oauth2/v2.0/token"
        self.history = f"{services}/history/v1.0{scope}"
        self.metrics = f"{services}/metric/v2.0{scope}"
        self.models = f"{services}/modelmanagement/v1.0{scope}"
        self.artifacts = f"{services}/artifact/v2.0{scope}/artifacts"
        self.computes = f"{services}/rp/workspaces{scope}/computes"
        self.blobs = f"https://{workspace.blobs}"


@pytest.fixture
def urls(azureml) -> Urls:
    return Urls(azureml)
