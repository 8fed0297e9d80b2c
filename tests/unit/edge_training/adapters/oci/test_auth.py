"""The answer to a registry's challenge; Azure Container Registry challenges with Bearer."""

from __future__ import annotations

import base64

import httpx
import pytest

from edge_training.adapters.oci.auth import RegistryAuth
from edge_training.errors import RegistryRefused

BASIC = "Basic " + base64.b64encode(b"edge:secret").decode()


class Registry:
    """A registry that gives tokens for a scope, and remembers what it was asked."""

    def __init__(self, realm: str = "https://acme.azurecr.io/oauth2/token", token_status: int = 200) -> None:
        self.requests: list[httpx.Request] = []
        self._realm, self._token_status = realm, token_status

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.path == "/oauth2/token":
            allowed = self._token_status if request.headers["Authorization"] == BASIC else 401
            token = " ".join(request.url.params.get_list("scope"))
            return httpx.Response(allowed, json={"access_token": token})
        repository = request.url.path.split("/")[2]
        scope = f"repository:{repository}:pull,push"
        if request.headers.get("Authorization") == f"Bearer {scope}":
            return httpx.Response(200, content=request.content)
        challenge = f'Bearer realm="{self._realm}",service="acme.azurecr.io",scope="{scope}"'
        return httpx.Response(401, headers={"WWW-Authenticate": challenge})

    def client(self) -> httpx.Client:
        return httpx.Client(
            auth=RegistryAuth("edge", "secret"),
            base_url="https://acme.azurecr.io/v2/",
            transport=httpx.MockTransport(self),
        )


def test_a_bearer_challenge_is_answered_with_a_token_of_its_scope():
    registry = Registry()

    response = registry.client().patch("flights/blobs/uploads/1", content=b"a layer")

    assert response.status_code == 200
    assert response.content == b"a layer"
    token_request = registry.requests[1]
    assert token_request.url.params["service"] == "acme.azurecr.io"
    assert token_request.url.params["scope"] == "repository:flights:pull,push"


def test_a_token_is_used_again_and_replaced_for_another_repository():
    registry = Registry()
    client = registry.client()

    paths = ["flights/tags/list", "flights/tags/list", "trains/tags/list"]
    assert [client.get(path).status_code for path in paths] == [200, 200, 200]
    assert sum(request.url.path == "/oauth2/token" for request in registry.requests) == 2


def test_the_password_goes_to_https_only():
    registry = Registry(realm="http://acme.azurecr.io/oauth2/token")

    with pytest.raises(RegistryRefused, match="not HTTPS"):
        registry.client().get("flights/tags/list")
    assert all("Authorization" not in request.headers for request in registry.requests)


def test_a_refused_token_names_the_user_and_not_the_password():
    with pytest.raises(RegistryRefused, match=r"user 'edge' no token") as caught:
        Registry(token_status=401).client().get("flights/tags/list")
    assert "secret" not in str(caught.value)


def test_an_unknown_challenge_is_left_to_the_caller():
    transport = httpx.MockTransport(lambda _: httpx.Response(401, headers={"WWW-Authenticate": "Negotiate"}))

    client = httpx.Client(auth=RegistryAuth("edge", "secret"), transport=transport)

    assert client.get("https://acme.azurecr.io/v2/").status_code == 401
