"""Where a site's blob container is and how a step may read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class StoreAccess:
    """Where a container is and how it may be read; `sas` is never printed.

    Attributes:
        endpoint: `https://account.blob.region.domain[:port]`, or with the account as path.
        container: Container name.
        sas: Query string of a shared access signature.
        api_version: Service version of every request, e.g. `2019-02-02`.
        ca_pem: Certificates that the endpoint is checked against; None means the system's.
    """

    endpoint: str
    container: str
    sas: str = field(repr=False)
    api_version: str
    ca_pem: str | None

    @classmethod
    def of(cls, request: Mapping[str, Any], secrets: Mapping[str, str]) -> StoreAccess:
        """What a step's request and secrets say of the store."""
        return cls(
            endpoint=request["endpoint"],
            container=request["container"],
            sas=secrets["sas"],
            api_version=request["api_version"],
            ca_pem=request["ca_pem"],
        )
