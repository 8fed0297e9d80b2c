"""Shared access signatures that a site accepts: signed for the service version that the site speaks.

The generators of azure-storage-blob sign for their own newest version whatever `api_version` is set to, and a
Stack Hub refuses those. A signature is about ten lines; the layouts are those of
https://learn.microsoft.com/rest/api/storageservices/create-service-sas ("Specify the signature").
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from edge_training.errors import BadRequest

CLOCK_SKEW = timedelta(minutes=5)
"""How far the site's clock may be behind ours before it finds a fresh signature not yet valid."""

FIRST_VERSION = "2015-04-05"
VERSION_WITH_RESOURCE = "2018-11-09"
VERSION_WITH_ENCRYPTION_SCOPE = "2020-12-06"


def container_read_sas(
    *, account: str, key: str, container: str, version: str, now: datetime, lifetime: timedelta
) -> str:
    """Sign permission to list one container and read its blobs, over https only, for a short time.

    A signature for a prefix would need a directory resource (`sr=d`), which exists from 2020-02-10 on and
    only with a hierarchical namespace; a Stack Hub has neither, so the container is the narrowest scope that
    can be listed.

    Args:
        account: Name of the storage account.
        key: Base64 account key.
        container: Name of the container.
        version: Service version to sign for, e.g. `2019-02-02`.
        now: Current time, with a zone.
        lifetime: How long the signature is valid from `now` on.

    Returns:
        The query string, without a question mark.

    Raises:
        BadRequest: The version is older than the layouts known here, or the key is not Base64.
    """
    fields = {
        "sv": version,
        "sr": "c",
        "sp": "rl",
        "st": _timestamp(now - CLOCK_SKEW),
        "se": _timestamp(now + lifetime),
        "spr": "https",
    }
    text = string_to_sign(fields, f"/blob/{account}/{container}")
    return urlencode({**fields, "sig": _signature(key, text)})


def string_to_sign(fields: dict[str, str], resource: str) -> str:
    """Lay out the fields of a service SAS as its version asks.

    Args:
        fields: Query parameters `sv`, `sr`, `sp`, `st`, `se`, `spr`.
        resource: Canonicalized resource, e.g. `/blob/account/container`.

    Raises:
        BadRequest: The version is older than 2015-04-05.
    """
    version = fields["sv"]
    if version < FIRST_VERSION:
        raise BadRequest(
            f"Storage version {version} is too old; set api_version to {FIRST_VERSION} or newer."
        )
    no_identifier, no_address_range, no_snapshot, no_encryption_scope = "", "", "", ""
    lines = [
        fields["sp"],
        fields["st"],
        fields["se"],
        resource,
        no_identifier,
        no_address_range,
        fields["spr"],
        version,
    ]
    if version >= VERSION_WITH_RESOURCE:
        lines += [fields["sr"], no_snapshot]
    if version >= VERSION_WITH_ENCRYPTION_SCOPE:
        lines += [no_encryption_scope]
    no_response_headers = [""] * 5
    return "\n".join(lines + no_response_headers)


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _signature(key: str, text: str) -> str:
    try:
        secret = base64.b64decode(key, validate=True)
    except binascii.Error as error:
        raise BadRequest(
            "The storage account key is not Base64; copy it again into the blob connection."
        ) from error
    return base64.b64encode(hmac.new(secret, text.encode(), hashlib.sha256).digest()).decode()
