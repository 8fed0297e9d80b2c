"""The room of the login: a service principal's secret against an access token.

Sources: "OpenID Connect on the Microsoft identity platform" (the provider's configuration), "OAuth 2.0
client credentials flow" (the exchange), `msal/authority.py` (the names of an instance, which the client asks
for when it is refused), "Microsoft Entra authentication and authorization error codes" (the
AADSTS numbers).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from tests.standins.azureml.refusals import Refused
from tests.standins.azureml.tokens import AUDIENCES, LIFETIME_S, Tokens
from tests.standins.azureml.workspace import LOGIN


@dataclass(frozen=True)
class ServicePrincipal:
    """Who may use the workspace.

    Attributes:
        client_id: The application's id.
        secret: Its secret.
    """

    client_id: str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))


def routes(tokens: Tokens, principal: ServicePrincipal) -> APIRouter:
    """The login's routes."""
    router = APIRouter()

    @router.get("/{tenant}/v2.0/.well-known/openid-configuration")
    def configuration(tenant: str) -> dict[str, Any]:
        require_tenant(tokens, tenant)
        base = f"https://{LOGIN}/{tenant}"
        return {
            "issuer": f"{base}/v2.0",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
        }

    @router.get("/common/discovery/instance")
    def instances() -> dict[str, Any]:
        return {
            "tenant_discovery_endpoint": f"https://{LOGIN}/{tokens.tenant}/v2.0/.well-known/openid-configuration",
            "api-version": "1.1",
            "metadata": [{"preferred_network": LOGIN, "preferred_cache": LOGIN, "aliases": [LOGIN]}],
        }

    @router.post("/{tenant}/oauth2/v2.0/token")
    async def token(tenant: str, request: Request) -> dict[str, Any]:
        require_tenant(tokens, tenant)
        fields = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        require_principal(principal, fields)
        given = tokens.give(audience(fields.get("scope", "")))
        return {"token_type": "Bearer", "expires_in": LIFETIME_S, "access_token": given}

    return router


def require_tenant(tokens: Tokens, tenant: str) -> None:
    """Refuse another directory."""
    if tenant != tokens.tenant:
        raise Refused(400, "invalid_tenant", f"AADSTS90002: Tenant '{tenant}' not found.")


def require_principal(principal: ServicePrincipal, fields: dict[str, str]) -> None:
    """Refuse whoever has another id or secret, and every other way to ask."""
    if fields.get("grant_type") != "client_credentials":
        sentence = "AADSTS70003: The app requested an unsupported grant type."
        raise Refused(400, "unsupported_grant_type", sentence)
    if fields.get("client_id") != principal.client_id:
        sentence = "AADSTS700016: Application with identifier was not found in the directory."
        raise Refused(400, "unauthorized_client", sentence)
    if fields.get("client_secret") != principal.secret:
        raise Refused(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.")


def audience(scope: str) -> str:
    """Whom a token for this scope is for: everything before the last `/.default`."""
    resource, found, _ = scope.rpartition("/.default")
    if not found or resource not in AUDIENCES:
        sentence = "AADSTS70011: The provided value for the input parameter 'scope' is not valid."
        raise Refused(400, "invalid_scope", sentence)
    return resource
