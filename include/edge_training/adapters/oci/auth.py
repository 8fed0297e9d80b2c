"""How a container registry is told who we are: Basic, or a Bearer token from the place its challenge names.

Azure Container Registry challenges with Bearer, Debian's docker-registry with Basic. Protocol: distribution
specification, "Token Authentication"; RFC 7235 for the challenge.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Generator

import httpx

from edge_training.errors import RegistryRefused

_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


class RegistryAuth(httpx.Auth):
    """Answers a registry's challenge and keeps the answer for the requests that follow."""

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._basic = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self._answer: str | None = None

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send the request, once more with an answer when it is challenged.

        Raises:
            RegistryRefused: The challenge cannot be answered.
        """
        if self._answer is not None:
            request.headers["Authorization"] = self._answer
        response = yield request
        if response.status_code != httpx.codes.UNAUTHORIZED:
            return
        scheme, _, rest = response.headers.get("WWW-Authenticate", "").partition(" ")
        if scheme.lower() == "basic":
            self._answer = self._basic
        elif scheme.lower() == "bearer":
            token_response = yield self._token_request(dict(_PARAMETER.findall(rest)))
            token_response.read()
            self._answer = f"Bearer {self._token(token_response)}"
        else:
            return
        request.headers["Authorization"] = self._answer
        yield request

    def _token_request(self, challenge: dict[str, str]) -> httpx.Request:
        realm = httpx.URL(challenge.get("realm", ""))
        if realm.scheme != "https":
            raise RegistryRefused(
                f"The registry wants the password sent to {realm}, which is not HTTPS; correct its address."
            )
        query = {"service": challenge.get("service", ""), "scope": challenge.get("scope", "").split()}
        return httpx.Request("GET", realm, params=query, headers={"Authorization": self._basic})

    def _token(self, response: httpx.Response) -> str:
        if response.status_code != httpx.codes.OK:
            raise RegistryRefused(
                f"{response.request.url.host} gives user {self._user!r} no token ({response.status_code}); "
                "correct login and password of the registry's connection."
            )
        answer = response.json()
        return str(answer.get("access_token") or answer["token"])
