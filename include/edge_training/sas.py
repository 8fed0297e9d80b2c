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
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from edge_training.errors import BadRequest

CLOCK_SKEW = timedelta(minutes=5)
"""How far the site's clock may be behind ours before it finds a fresh signature not yet valid."""

FIRST_VERSION = "2015-04-05"
VERSION_WITH_RESOURCE = "2018-11-09"
VERSION_WITH_DIRECTORY = "2020-02-10"
VERSION_WITH_ENCRYPTION_SCOPE = "2020-12-06"


@dataclass(frozen=True)
class Grant:
    """What one step may do in the blob store; nothing of it is secret.

    Attributes:
        container: The container.
        permissions: `r` to read blobs, `l` to list them, `rl` for both.
        directory: Where all of the step's blobs lie, without a slash at the end; empty for the container.
    """

    container: str
    permissions: str
    directory: str = ""


def read_sas(
    *, account: str, key: str, grant: Grant, version: str, now: datetime, lifetime: timedelta
) -> str:
    """Sign what a step may do, over https only, for a short time.

    Args:
        account: Name of the storage account.
        key: Base64 account key.
        grant: What to allow. A directory asks for a version from 2020-02-10 on and an account with a
            hierarchical namespace.
        version: Service version to sign for, e.g. `2019-02-02`.
        now: Current time, with a zone.
        lifetime: How long the signature is valid from `now` on.

    Returns:
        The query string, without a question mark.

    Raises:
        BadRequest: The version is older than the layouts known here, or than directories; or the key is not
            Base64.
    """
    fields = {
        "sv": version,
        "sr": "d" if grant.directory else "c",
        "sp": grant.permissions,
        "st": _timestamp(now - CLOCK_SKEW),
        "se": _timestamp(now + lifetime),
        "spr": "https",
    }
    resource = "/".join(part for part in ("/blob", account, grant.container, grant.directory) if part)
    signed = fields | {"sig": _signature(key, string_to_sign(fields, resource))}
    if grant.directory:
        signed["sdd"] = str(len(grant.directory.split("/")))
    return urlencode(signed)


def string_to_sign(fields: dict[str, str], resource: str) -> str:
    """Lay out the fields of a service SAS as its version asks; the depth of a directory is not among them.

    Args:
        fields: Query parameters `sv`, `sr`, `sp`, `st`, `se`, `spr`.
        resource: Canonicalized resource, e.g. `/blob/account/container`.

    Raises:
        BadRequest: The version is older than 2015-04-05, or than the resource.
    """
    version = fields["sv"]
    if version < FIRST_VERSION:
        raise BadRequest(
            f"Storage version {version} is too old; set api_version to {FIRST_VERSION} or newer."
        )
    if fields["sr"] == "d" and version < VERSION_WITH_DIRECTORY:
        raise BadRequest(
            f"Storage version {version} knows no signatures for directories; set api_version to "
            f"{VERSION_WITH_DIRECTORY} or newer, or remove hierarchical_namespace from the blob connection."
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
    if not key:
        raise BadRequest(
            "The blob connection has a signature and no key, so nothing can be signed; add the account's key."
        )
    try:
        secret = base64.b64decode(key, validate=True)
    except binascii.Error as error:
        raise BadRequest(
            "The storage account key is not Base64; copy it again into the blob connection."
        ) from error
    return base64.b64encode(hmac.new(secret, text.encode(), hashlib.sha256).digest()).decode()
