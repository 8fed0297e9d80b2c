"""One edge location: its VM and its blob store."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from edge_training.errors import BadRequest
from edge_training.ports.edge_host import BlobForward
from edge_training.sas import container_read_sas

DEFAULT_API_VERSION = "2019-02-02"
"""The newest storage version that every Azure Stack Hub in use accepts."""
HTTPS_PORT = 443
SAS_MARGIN = timedelta(minutes=15)


@dataclass(frozen=True)
class BlobStore:
    """The site's blob store, as its containers see it.

    Attributes:
        endpoint: `https://<account>.blob.<region>.<fqdn>`.
        account: Storage account.
        key: Its key, Base64; it signs access on the worker and never travels.
        api_version: Storage service version of every request and signature.
        ca_pem: The private CA of the endpoint's certificate, or None for a public one.
        forward_address: What the site's forwarder dials: empty for the endpoint's own name, as the VM
            resolves it.
    """

    endpoint: str
    account: str
    key: str = field(repr=False)
    api_version: str = DEFAULT_API_VERSION
    ca_pem: str | None = None
    forward_address: str = ""

    def forward(self, image: str) -> BlobForward:
        """The one address that jobs on the storage network reach."""
        parts = urlsplit(self.endpoint)
        if parts.scheme != "https" or not parts.hostname:
            raise BadRequest(
                f"The blob endpoint {self.endpoint!r} is no https address; correct the host of the blob "
                "connection."
            )
        return BlobForward(
            parts.hostname, parts.port or HTTPS_PORT, self.forward_address or parts.hostname, image
        )

    def request(self, container: str) -> dict[str, Any]:
        """What a step is told about the store; nothing of it is secret."""
        return {
            "container": container,
            "endpoint": self.endpoint,
            "api_version": self.api_version,
            "ca_pem": self.ca_pem,
        }

    def read_access(self, container: str, time_limit_s: int) -> dict[str, str]:
        """Secrets for a step: read and list of one container, for as long as the step may run."""
        sas = container_read_sas(
            account=self.account,
            key=self.key,
            container=container,
            version=self.api_version,
            now=datetime.now(UTC),
            lifetime=timedelta(seconds=time_limit_s) + SAS_MARGIN,
        )
        return {"sas": sas}


@dataclass(frozen=True)
class Site:
    """One edge location.

    Attributes:
        name: What logs, labels and tags call it.
        store: Its blob store.
    """

    name: str
    store: BlobStore
