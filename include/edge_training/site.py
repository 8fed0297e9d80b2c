"""One edge location: its VM and its blob store."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from edge_training.errors import BadRequest
from edge_training.given_sas import require_fit
from edge_training.ports.edge_host import BlobForward
from edge_training.sas import VERSION_WITH_DIRECTORY, Grant, read_sas

DEFAULT_API_VERSION = "2019-02-02"
"""The newest storage version that every Azure Stack Hub in use accepts."""
HTTPS_PORT = 443
SAS_LIFETIME = timedelta(hours=1)
"""How long a signature of ours is valid; a running job is brought the next one when half of it is over."""


@dataclass(frozen=True)
class BlobStore:
    """The site's blob store, as its containers see it.

    Attributes:
        endpoint: `https://<account>.blob.<region>.<fqdn>`.
        account: Storage account.
        key: Its key, Base64; it signs access on the worker and never travels. Empty where `sas` is given.
        sas: A signature that somebody else has made, handed to the site as it is; empty where there is a key.
        api_version: Storage service version of every request and signature.
        ca_pem: The private CA of the endpoint's certificate, or None for a public one.
        forward_address: What the site's forwarder dials: empty for the endpoint's own name, as the VM
            resolves it.
        proxy: `http://host:port` of the proxy that the forwarder goes through; empty for none.
        hierarchical_namespace: Whether the account has directories; a Stack Hub's has none.
        sas_lifetime: How long signatures are valid.
    """

    endpoint: str
    account: str
    key: str = field(default="", repr=False)
    sas: str = field(default="", repr=False)
    api_version: str = DEFAULT_API_VERSION
    ca_pem: str | None = None
    forward_address: str = ""
    proxy: str = ""
    hierarchical_namespace: bool = False
    sas_lifetime: timedelta = SAS_LIFETIME

    def forward(self, image: str) -> BlobForward:
        """The one address that jobs on the storage network reach."""
        try:
            parts = urlsplit(self.endpoint)
            host, port = parts.hostname, parts.port or HTTPS_PORT
        except ValueError:  # a port that is no number, half of an IPv6 address
            host = None
        if not host or parts.scheme != "https":
            raise BadRequest(
                f"The blob endpoint {self.endpoint!r} is no https address; correct the host of the blob "
                "connection."
            )
        return BlobForward(host, port, self.forward_address or host, image, self.proxy)

    def request(self, container: str) -> dict[str, Any]:
        """What a step is told about the store; nothing of it is secret."""
        return {
            "container": container,
            "endpoint": self.endpoint,
            "api_version": self.api_version,
            "ca_pem": self.ca_pem,
            "proxy": self.proxy,
        }

    def grant(self, container: str, permissions: str, prefix: str) -> Grant:
        """The least that a step needs and that the account can tell from the rest of the container.

        Args:
            container: The container.
            permissions: `r`, `l` or `rl`.
            prefix: What the names of all its blobs begin with.
        """
        narrows = self.hierarchical_namespace and self.api_version >= VERSION_WITH_DIRECTORY
        return Grant(container, permissions, prefix.rpartition("/")[0].strip("/") if narrows else "")

    def secrets(self, grant: Grant, needed_s: float = 0.0) -> dict[str, str]:
        """Secrets for a step: a signature for what it may do.

        Args:
            grant: What it may do.
            needed_s: For how long the step may need it; counts for a signature that cannot be made anew.

        Raises:
            BadRequest: The key or the given signature cannot be right.
        """
        now = datetime.now(UTC)
        if self.sas:
            require_fit(self.sas, grant, self.api_version, now, timedelta(seconds=needed_s))
            return {"sas": self.sas}
        return {
            "sas": read_sas(
                account=self.account,
                key=self.key,
                grant=grant,
                version=self.api_version,
                now=now,
                lifetime=self.sas_lifetime,
            )
        }


@dataclass(frozen=True)
class Site:
    """One edge location.

    Attributes:
        name: What logs, labels and tags call it.
        store: Its blob store.
    """

    name: str
    store: BlobStore
