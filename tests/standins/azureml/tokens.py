"""Access tokens as Microsoft Entra gives them out: signed, for one audience, for a time.

Claims are those of "Access token claims reference" of the Microsoft identity platform. The key is the
stand-in's own and kept, so that a token outlives a restart.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

import jwt
from tests.standins.azureml.persistence import Documents
from tests.standins.azureml.refusals import Refused

AUDIENCES = ("https://management.core.windows.net/", "https://management.azure.com", "https://ml.azure.com")
LIFETIME_S = 3600
SECRET = "secret"
"""The kind of documents that are kept as long as the stand-in's folder."""


@dataclass(frozen=True)
class Tokens:
    """Gives out tokens and checks them.

    Attributes:
        documents: Where the key is kept.
        tenant: The directory's id.
    """

    documents: Documents
    tenant: str

    def give(self, audience: str = AUDIENCES[0], lifetime_s: float = LIFETIME_S) -> str:
        """A token that is valid from now on; with a negative lifetime it has expired already."""
        now = time.time()
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{self.tenant}/",
            "tid": self.tenant,
            "iat": int(now) - 60,
            "nbf": int(now) - 60,
            "exp": int(now + lifetime_s),
            "oid": "00000000-0000-0000-0000-00000000e06e",
        }
        return jwt.encode(claims, self._key(), algorithm="HS256")

    def check(self, authorization: str | None) -> None:
        """Accept a request's `Authorization` header.

        Raises:
            Refused: It is missing, no bearer token of this directory, or has expired.
        """
        challenge = {
            "WWW-Authenticate": f'Bearer authorization_uri="https://login.windows.net/{self.tenant}"'
        }
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Refused(
                401,
                "AuthenticationFailed",
                "Authentication failed. The 'Authorization' header is missing.",
                challenge,
            )
        try:
            jwt.decode(token, self._key(), algorithms=["HS256"], audience=AUDIENCES)
        except jwt.ExpiredSignatureError as error:
            sentence = "The access token expiry UTC time is earlier than current UTC time."
            raise Refused(401, "ExpiredAuthenticationToken", sentence, challenge) from error
        except jwt.InvalidTokenError as error:
            raise Refused(
                401, "InvalidAuthenticationToken", "The access token is invalid.", challenge
            ) from error

    def _key(self) -> str:
        with self.documents.transaction():
            kept = self.documents.get(SECRET, "token")
            if kept is None:
                kept = self.documents.put(SECRET, "token", {"key": secrets.token_hex(32)})
        return str(kept["key"])
