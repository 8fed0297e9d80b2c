"""Where a site's blob container is and how a step may read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from edge_runner.blobs.signature import Signature
from edge_runner.protocol import Dirs


@dataclass(frozen=True, slots=True)
class StoreAccess:
    """Where a container is and how it may be read.

    Attributes:
        endpoint: `https://account.blob.region.domain[:port]`, or with the account as path.
        container: Container name.
        signature: The shared access signature, which changes while the step runs.
        api_version: Service version of every request, e.g. `2019-02-02`.
        ca_pem: Certificates that the endpoint is checked against; None means the system's.
        proxy: What the site's forwarder goes through to reach the store, for sentences; empty for nothing.
    """

    endpoint: str
    container: str
    signature: Signature
    api_version: str
    ca_pem: str | None
    proxy: str = ""

    @property
    def container_url(self) -> str:
        """Where the container is, without a signature."""
        return f"{self.endpoint.rstrip('/')}/{quote(self.container)}"

    @classmethod
    def of(cls, request: Mapping[str, Any], secrets: Mapping[str, str], dirs: Dirs) -> StoreAccess:
        """What a step's request and secrets say of the store."""
        return cls(
            endpoint=request["endpoint"],
            container=request["container"],
            signature=Signature.of(secrets["sas"], dirs),
            api_version=request["api_version"],
            ca_pem=request["ca_pem"],
            proxy=request.get("proxy", ""),
        )
