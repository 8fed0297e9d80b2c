"""Questions to a blob container that only a probe asks: signed or not, of any version, and timed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from edge_runner.blobs.access import StoreAccess
from edge_runner.blobs.errors import unavailable, untrusted_certificate
from edge_runner.blobs.http import HttpClient, Response, TransportError, UntrustedCertificate


@dataclass(frozen=True)
class TimedResponse:
    """What the store answered, and when.

    Attributes:
        response: The answer.
        took_s: From the question to the end of the answer.
        asked_at: The VM's clock in the middle of that.
    """

    response: Response
    took_s: float
    asked_at: datetime

    @property
    def status(self) -> int:
        """HTTP status."""
        return self.response.status

    @property
    def code(self) -> str:
        """Status, and the service's word for it."""
        return f"{self.status} {self.response.headers.get('x-ms-error-code', '')}".strip()


class Asker:
    """Asks a container.

    Args:
        access: Where it is.
        http: Whom to ask through.
    """

    def __init__(self, access: StoreAccess, http: HttpClient) -> None:
        self._access = access
        self._http = http

    def __call__(
        self,
        path: str = "",
        query: Mapping[str, str] = {},
        headers: Mapping[str, str] = {},
        signed: bool = True,
    ) -> TimedResponse:
        """Ask one question.

        Args:
            path: Below the container.
            query: Further parameters.
            headers: Further headers.
            signed: Whether the signature is shown.

        Raises:
            StepError: kind `StoreRefused`, when the certificate is not trusted; `StoreUnavailable`.
        """
        access = self._access
        parameters = "&".join(
            part for part in (urlencode(query), access.signature.sas if signed else "") if part
        )
        url = f"{access.container_url}{path}?{parameters}"
        started_s, started = time.monotonic(), datetime.now(UTC)
        try:
            response = self._http.get(url, {"x-ms-version": access.api_version, **headers})
        except UntrustedCertificate:
            raise untrusted_certificate(access) from None
        except TransportError as error:
            raise unavailable(access, f"does not answer ({error});") from None
        took_s = time.monotonic() - started_s
        middle = started + (datetime.now(UTC) - started) / 2
        return TimedResponse(response, took_s, middle)
